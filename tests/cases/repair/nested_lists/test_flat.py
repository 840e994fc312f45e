import unittest

from flat import depth, flatten


class FlattenTest(unittest.TestCase):
    def test_lists_in_lists(self):
        self.assertEqual(list(flatten([[1, [2]], 3])), [1, 2, 3])

    def test_a_plain_list(self):
        self.assertEqual(list(flatten(["a", "b"])), ["a", "b"])

    def test_nothing(self):
        self.assertEqual(list(flatten([[], [[]]])), [])


class DepthTest(unittest.TestCase):
    def test_depth(self):
        self.assertEqual(depth([[], [[]]]), 3)
        self.assertEqual(depth(5), 0)


if __name__ == "__main__":
    unittest.main()
