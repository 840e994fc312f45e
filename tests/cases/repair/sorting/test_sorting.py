import random
import unittest

from sorting import in_order, joined


class SortingTest(unittest.TestCase):
    def test_empty(self):
        self.assertEqual(in_order([]), [])

    def test_some(self):
        self.assertEqual(in_order([3, 1, 2]), [1, 2, 3])

    def test_many(self):
        things = list(range(50))
        random.Random(1).shuffle(things)
        self.assertEqual(in_order(things), list(range(50)))

    def test_joined(self):
        self.assertEqual(joined([1, 4], [2, 3, 5]), [1, 2, 3, 4, 5])


if __name__ == "__main__":
    unittest.main()
