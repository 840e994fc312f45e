import unittest
from datetime import date, timedelta

from shelf.fees import in_words, late_fee, reminder_day

DUE = date(2026, 3, 10)


def fee(days, group="grown-up"):
    return late_fee(group, DUE, DUE + timedelta(days=days))


class LateFeeTest(unittest.TestCase):
    def test_in_time_is_free(self):
        self.assertEqual(fee(-5), 0)
        self.assertEqual(fee(0), 0)

    def test_the_first_days_are_free(self):
        self.assertEqual([fee(1), fee(2)], [0, 0])

    def test_the_third_day_is_free_too(self):
        self.assertEqual(fee(3), 0)

    def test_the_fourth_day_costs_all_four(self):
        self.assertEqual(fee(4), 50 + 4 * 20)

    def test_children_pay_less(self):
        self.assertEqual(fee(10, "child"), 100)

    def test_there_is_a_most(self):
        self.assertEqual(fee(37), 790)
        self.assertEqual(fee(38), 800)
        self.assertEqual(fee(400, "child"), 800)

    def test_the_reminder_goes_out_on_the_last_free_day(self):
        self.assertEqual(reminder_day(DUE), date(2026, 3, 13))

    def test_cents_in_words(self):
        self.assertEqual(in_words(1205), "12.05 euros")
