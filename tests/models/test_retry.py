"""How long to wait, as a pure function."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from midwatch.models.endpoint import RetryPolicy
from midwatch.models.retry import Passing, asked_wait, pause

NOW = datetime(2026, 1, 1, 12, 0, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("headers", "message", "seconds"),
    [
        ({"retry-after": "7"}, "", 7.0),
        ({"retry-after": "0.5"}, "", 0.5),
        ({"retry-after-ms": "250", "retry-after": "7"}, "", 0.25),
        ({"retry-after": "Thu, 01 Jan 2026 12:01:30 GMT"}, "", 90.0),
        ({"retry-after": "Thu, 01 Jan 2026 11:00:00 GMT"}, "", 0.0),
        ({"retry-after": "soon"}, "", None),
        ({}, "Rate limit reached. Please try again in 1.5s. Visit", 1.5),
        ({}, "please try again in 120ms", 0.12),
        ({}, "Try again in 2 minutes.", 120.0),
        ({}, "Try again in 20 seconds.", 20.0),
        ({}, "try again later", None),
    ],
)
def test_a_wait_is_read_in_each_of_its_forms(headers: dict[str, str], message: str, seconds: float | None) -> None:
    assert asked_wait(headers, message, NOW) == (None if seconds is None else pytest.approx(seconds))


def test_pauses_double_up_to_the_longest_and_end_after_the_attempts() -> None:
    policy = RetryPolicy(attempts=8, base_seconds=2, longest_seconds=10)
    for tried, most in ((1, 2), (2, 4), (3, 8), (4, 10), (7, 10)):
        waits = [pause(policy, tried, Passing("x")) for _ in range(50)]
        assert all(wait is not None and most / 2 <= wait <= most for wait in waits)
        assert len(set(waits)) > 1, "all workers at the same moment would meet again"
    assert pause(policy, 8, Passing("x")) is None


def test_a_person_who_forgot_to_start_the_server_waits_less_than_three_seconds() -> None:
    policy = RetryPolicy()
    waits = [pause(policy, tried, Passing("x", kind="connect")) for tried in (1, 2, 3)]
    assert waits[2] is None
    assert sum(wait for wait in waits if wait is not None) <= 3


def test_a_wait_that_is_asked_for_is_kept_up_to_its_cap() -> None:
    policy = RetryPolicy(longest_asked_seconds=60)
    assert pause(policy, 1, Passing("x", wait=60)) == 60
    assert pause(policy, 1, Passing("x", wait=61)) is None
