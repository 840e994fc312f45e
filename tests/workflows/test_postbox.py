"""Messages on their way to a model: heard once, whatever was in between."""

from __future__ import annotations

from midwatch.domain.events import Event, Message
from midwatch.engine.letters import Letter
from midwatch.workflows.postbox import Postbox


def said(seq: int, text: str, attempt: str = "t.1") -> Event:
    """As the log has it."""
    return Event(attempt, seq, "", 1, Message("person", text), "", "")


FIRST, SECOND = Letter("t.1", 1, "ada", "go", 3), Letter("t.1", 2, "ada", "go", 5)
OTHER = Letter("t.2", 1, "ada", "go", 0)


def test_a_message_is_taken_once_by_each_attempt_however_often_it_is_put() -> None:
    box = Postbox()
    box.put([FIRST, OTHER])
    box.put([FIRST, OTHER])
    assert [message.text for message in box.take("t.1")] == ["go"]
    box.put([FIRST])
    assert box.take("t.1") == []
    assert len(box.take("t.2")) == 1
    assert list(box.arrived) == []


def test_a_message_that_stands_in_the_log_already_is_not_said_again_after_a_crash() -> None:
    box = Postbox()
    box.put([FIRST, SECOND, OTHER])
    box.event(said(2, "go"))  # somebody said the same before
    assert list(box.arrived) == []
    box.event(said(4, "go"))
    assert list(box.arrived) == [FIRST.key]
    assert len(box.take("t.1")) == 1
    box.event(said(9, "go"))
    assert list(box.arrived) == [FIRST.key, SECOND.key]
    assert len(box.take("t.2")) == 1


def test_of_two_messages_in_the_same_words_the_second_is_not_taken_for_the_first() -> None:
    heard = Letter("t.1", 1, "ada", "go", 3, delivered=1)
    box = Postbox()
    box.put([SECOND])  # seen first by whoever looks between
    box.put([heard, SECOND])
    box.event(said(7, "go"))  # written after both were said, and it was the first
    assert [message.text for message in box.take("t.1")] == ["go"]
    assert SECOND.key not in box.arrived
    box.event(said(9, "go"))
    assert list(box.arrived) == [heard.key, SECOND.key]
