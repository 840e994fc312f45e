"""Buckets that fill with time."""

from __future__ import annotations

import pytest

from midwatch.server.accounts import rates
from midwatch.server.accounts.rates import Rates, neighbourhood, retry_after


def test_a_bucket_is_emptied_and_fills_again_and_never_runs_over() -> None:
    now = [0.0]
    bucket = Rates(0.5, 3, lambda: now[0])
    assert [bucket.take("a") for _ in range(4)] == [0, 0, 0, 2.0]
    assert bucket.take("b") == 0
    now[0] = 1.5
    assert bucket.take("a") == 0.5
    now[0] = 2.0
    assert bucket.take("a") == 0
    now[0] = 1000.0
    assert [bucket.take("a") for _ in range(4)] == [0, 0, 0, 2.0]
    bucket.give_back("a")
    assert [bucket.take("a"), bucket.take("a")] == [0, 2.0]


def test_the_number_of_buckets_is_bounded_and_the_one_in_use_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rates, "MOST", 10)
    bucket = Rates(0.001, 1, lambda: 0.0)
    assert bucket.take("guessed") == 0
    for number in range(100):
        bucket.take(f"name {number}")
        assert bucket.take("guessed") > 0
    assert len(bucket._buckets) == 10


@pytest.mark.parametrize(
    ("address", "one"),
    [
        ("203.0.113.7", "203.0.113.7"),
        ("::ffff:203.0.113.7", "203.0.113.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("", ""),
        ("unix", "unix"),
    ],
)
def test_an_address_counts_with_all_that_one_machine_may_have(address: str, one: str) -> None:
    assert neighbourhood(address) == one


def test_one_is_never_told_to_come_again_at_once() -> None:
    assert retry_after(0.001) == {"Retry-After": "1"}
    assert retry_after(1.2) == {"Retry-After": "2"}
