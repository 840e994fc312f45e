"""Divisors of whole numbers."""


def greatest(first, second):
    """The greatest number that divides both."""
    if second == 0:
        return first
    return greatest(first % second, second)


def share_none(first, second):
    """Whether 1 is the only number that divides both."""
    return greatest(first, second) == 1
