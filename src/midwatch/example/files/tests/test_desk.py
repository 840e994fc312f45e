import unittest
from datetime import date, timedelta

from shelf import Catalogue, Desk, Item, Member, Refused

TODAY = date(2026, 2, 2)


class DeskTest(unittest.TestCase):
    def setUp(self):
        items = [Item(f"b{n}", f"Volume {n}") for n in range(8)] + [Item("f1", "The Film", "film")]
        self.desk = Desk(Catalogue(items))
        self.ada = Member("Ada", 41)
        self.tim = Member("Tim", 9)

    def test_books_are_lent_for_longer_than_films(self):
        self.assertEqual(self.desk.lend("b1", self.ada, TODAY).due, date(2026, 2, 23))
        self.assertEqual(self.desk.lend("f1", self.ada, TODAY).due, date(2026, 2, 9))

    def test_what_is_out_cannot_be_lent_again(self):
        self.desk.lend("b1", self.ada, TODAY)
        with self.assertRaisesRegex(Refused, "out until 2026-02-23"):
            self.desk.lend("b1", self.tim, TODAY)

    def test_children_may_have_four_things(self):
        for n in range(4):
            self.desk.lend(f"b{n}", self.tim, TODAY)
        with self.assertRaisesRegex(Refused, "Tim has 4 things"):
            self.desk.lend("b5", self.tim, TODAY)

    def test_a_late_return_is_added_to_what_is_owed(self):
        loan = self.desk.lend("b1", self.ada, TODAY)
        self.assertEqual(self.desk.take_back("b1", loan.due + timedelta(days=5)), 150)
        self.assertEqual(self.ada.owes, 150)
        self.assertEqual(self.desk.of(self.ada), [])

    def test_who_comes_on_the_day_of_the_reminder_pays_nothing(self):
        loan = self.desk.lend("f1", self.tim, TODAY)
        day = loan.due + timedelta(days=3)
        self.assertEqual(self.desk.reminders(day), ["Tim: please bring back 'The Film' today"])
        self.assertEqual(self.desk.take_back("f1", day), 0)

    def test_who_owes_ten_euros_gets_nothing(self):
        self.ada.owes = 1000
        with self.assertRaisesRegex(Refused, "Ada owes 10.00 euros"):
            self.desk.lend("b1", self.ada, TODAY)

    def test_renewing_starts_a_full_period_twice_and_no_more(self):
        self.desk.lend("b1", self.ada, TODAY)
        for days in (20, 40):
            loan = self.desk.renew("b1", TODAY + timedelta(days=days))
        self.assertEqual(loan.due, TODAY + timedelta(days=61))
        with self.assertRaises(Refused):
            self.desk.renew("b1", loan.due)

    def test_the_last_day_is_early_enough_to_renew_and_the_day_after_is_not(self):
        loan = self.desk.lend("b1", self.ada, TODAY)
        with self.assertRaises(Refused):
            self.desk.renew("b1", loan.due + timedelta(days=1))
        self.assertEqual(self.desk.renew("b1", loan.due).renewed, 1)

    def test_nobody_renews_what_somebody_waits_for(self):
        self.desk.lend("b1", self.ada, TODAY)
        self.desk.wait_for("b1", self.tim)
        with self.assertRaisesRegex(Refused, "Tim waits for 'Volume 1'"):
            self.desk.renew("b1", TODAY)
