"""What it costs to be late, in cents."""

from datetime import timedelta

GRACE = timedelta(days=3)
FIRST = 50
PER_DAY = {"child": 5, "grown-up": 20}
AT_MOST = 800


def reminder_day(due):
    """The last day on which a late return is still free."""
    return due + GRACE


def late_fee(group, due, returned):
    """The fee for bringing something back on a day; nothing while the grace lasts."""
    if returned < due + GRACE:
        return 0
    days = (returned - due).days
    return min(FIRST + days * PER_DAY[group], AT_MOST)


def in_words(cents):
    """1234 as `12.34 euros`."""
    return f"{cents // 100}.{cents % 100:02d} euros"
