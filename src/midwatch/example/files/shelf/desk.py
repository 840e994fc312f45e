"""Lending, taking back, reminding."""

from shelf.fees import in_words, late_fee, reminder_day
from shelf.loans import lend

OWES_TOO_MUCH = 1000


class Refused(Exception):
    """The desk says no, and why."""


class Desk:
    """The loans of one library."""

    def __init__(self, catalogue):
        self.catalogue = catalogue
        self.loans = {}
        self.waiting = {}

    def of(self, member):
        """What a member has at the moment."""
        return [loan for loan in self.loans.values() if loan.member is member]

    def lend(self, code, member, today):
        """Hand an item out."""
        if code in self.loans:
            raise Refused(f"{self.catalogue[code].title!r} is out until {self.loans[code].due}")
        if len(self.of(member)) >= member.allowance:
            raise Refused(f"{member.name} has {member.allowance} things already")
        if member.owes >= OWES_TOO_MUCH:
            raise Refused(f"{member.name} owes {in_words(member.owes)}")
        loan = self.loans[code] = lend(self.catalogue[code], member, today)
        return loan

    def wait_for(self, code, member):
        """Put a member on the list of those who wait for an item."""
        self.waiting.setdefault(code, []).append(member)

    def renew(self, code, today):
        """Lend it on to the same member, unless somebody waits for it."""
        loan = self.loans[code]
        if self.waiting.get(code):
            raise Refused(f"{self.waiting[code][0].name} waits for {loan.item.title!r}")
        if not loan.can_renew(today):
            raise Refused(f"{loan.item.title!r} must come back first")
        loan.renew(today)
        return loan

    def take_back(self, code, today):
        """End a loan; the fee, if any, is added to what the member owes and returned."""
        loan = self.loans.pop(code)
        fee = late_fee(loan.member.group, loan.due, today)
        loan.member.owes += fee
        return fee

    def reminders(self, today):
        """Lines to send today: one for each loan whose grace ends."""
        ending = [loan for loan in self.loans.values() if reminder_day(loan.due) == today]
        return [f"{loan.member.name}: please bring back {loan.item.title!r} today" for loan in ending]
