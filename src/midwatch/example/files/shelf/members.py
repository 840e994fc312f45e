"""Who may borrow, and how much."""

from dataclasses import dataclass

GROWN_UP_AT = 16
AT_A_TIME = {"child": 4, "grown-up": 6}


@dataclass
class Member:
    """A member; `owes` is in cents."""

    name: str
    age: int
    owes: int = 0

    @property
    def group(self):
        """Children pay less and may have fewer things at a time."""
        return "child" if self.age < GROWN_UP_AT else "grown-up"

    @property
    def allowance(self):
        """How many things this member may have at a time."""
        return AT_A_TIME[self.group]
