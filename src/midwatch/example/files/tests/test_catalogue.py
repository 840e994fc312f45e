import unittest

from shelf import Catalogue, Item


class CatalogueTest(unittest.TestCase):
    def setUp(self):
        self.catalogue = Catalogue([Item("b1", "The Night Watch"), Item("b2", "Night and Day"), Item("f1", "Watch", "film")])

    def test_search_wants_all_words_whatever_their_case(self):
        self.assertEqual([item.code for item in self.catalogue.search("WATCH night")], ["b1"])

    def test_search_answers_in_order_of_title(self):
        self.assertEqual([item.code for item in self.catalogue.search("night")], ["b2", "b1"])

    def test_a_code_is_given_once_only(self):
        with self.assertRaisesRegex(ValueError, "b1 is taken by 'The Night Watch'"):
            self.catalogue.add(Item("b1", "Another"))
        self.assertEqual(len(self.catalogue), 3)
