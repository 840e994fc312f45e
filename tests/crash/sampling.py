"""Which kills are tried: all of them with TEST_ALL_KILLS=1, else one of a few, so that the whole suite stays short."""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import TypeVar

T = TypeVar("T")

ALL = os.environ.get("TEST_ALL_KILLS") == "1"


def one_of(every: int, kills: Iterable[T]) -> list[T]:
    """One of each `every`, the last one among them, where its end is what is most easily forgotten."""
    found = list(kills)
    return found if ALL else found[::-1][::every][::-1]
