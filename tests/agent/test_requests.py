"""Network requests on their way into the log."""

from __future__ import annotations

from midwatch.agent.requests import MOST, Requests
from midwatch.sandbox.network import Decision


def test_alike_requests_are_one_event_with_sums() -> None:
    requests = Requests("work")
    for received in (10, 20):
        requests.note(Decision("pypi.org", 443, "CONNECT", True, "pypi.org is allowed", sent=1, received=received))
    requests.note(Decision("evil.example", 443, "CONNECT", False, "not in the allowed hosts"))
    first, second = requests.take()
    assert (first.phase, first.host, first.count, first.sent, first.received) == ("work", "pypi.org", 2, 2, 30)
    assert (second.host, second.allowed, second.count) == ("evil.example", False, 1)


def test_what_was_taken_is_not_told_again() -> None:
    requests = Requests("setup")
    requests.note(Decision("a.example", 443, "CONNECT", True, "allowed"))
    assert len(requests.take()) == 1
    assert requests.take() == []


def test_a_flood_is_counted_rather_than_kept() -> None:
    requests = Requests("work")
    for number in range(MOST + 300):
        requests.note(Decision(f"h{number}.example", 443, "CONNECT", False, "no"))
    events = requests.take()
    assert len(events) == MOST + 1
    assert (events[-1].host, events[-1].count) == ("", 300)
