"""One item in one member's hands."""

from dataclasses import dataclass
from datetime import date, timedelta

from shelf.catalogue import Item
from shelf.members import Member

PERIOD = {"book": timedelta(days=21), "film": timedelta(days=7)}
RENEWALS = 2


@dataclass
class Loan:
    """`due` is the last day on which the item is not late."""

    item: Item
    member: Member
    due: date
    renewed: int = 0

    def is_late(self, today):
        """Whether it should have been back before today."""
        return today > self.due

    def can_renew(self, today):
        """Not when it is late already, and not for ever."""
        return self.renewed < RENEWALS and not self.is_late(today)

    def renew(self, today):
        """Start a full period again, from today."""
        if not self.can_renew(today):
            raise ValueError(f"{self.item.title!r} cannot be renewed")
        self.due = today + PERIOD[self.item.kind]
        self.renewed += 1


def lend(item, member, today):
    """A new loan that starts today."""
    return Loan(item, member, today + PERIOD[item.kind])
