import pytest

from numbers_kit.divisors import greatest, share_none


@pytest.mark.parametrize("a, b, expected", [(12, 18, 6), (7, 5, 1), (40, 8, 8), (9, 0, 9), (17, 0, 17)])
def test_greatest(a, b, expected):
    assert greatest(a, b) == expected


def test_share_none():
    assert share_none(9, 8)
    assert not share_none(9, 6)
