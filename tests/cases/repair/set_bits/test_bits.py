import pytest

from bits import count_ones


@pytest.mark.parametrize("number, ones", [(0, 0), (127, 7), (3005, 9)])
def test_count_ones(number, ones):
    assert count_ones(number) == ones
