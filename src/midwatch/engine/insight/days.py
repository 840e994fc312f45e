"""Days of a time zone, as SQL can count them: a zone has a few offsets in any span, and each holds for a stretch."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta, tzinfo
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from midwatch.domain.errors import InputError

LONGEST = 1100
"""Days of a span."""
_DAY = 86400


@dataclass(frozen=True, slots=True)
class Span:
    """From the beginning of `first` to the end of `last`, in a zone."""

    first: date
    last: date
    zone: tzinfo

    @property
    def begin(self) -> int:
        """Seconds since 1970."""
        return _midnight(self.first, self.zone)

    @property
    def end(self) -> int:
        """Seconds since 1970; what happens then lies outside."""
        return _midnight(self.last + timedelta(days=1), self.zone)

    def days(self) -> list[date]:
        """All of them."""
        return [self.first + timedelta(days=n) for n in range((self.last - self.first).days + 1)]

    def number(self, column: str) -> str:
        """SQL: which day a time of this span lies in, counted from 1970-01-01. Both databases divide whole numbers of
        one sign alike."""
        parts = self._offsets()
        if len(parts) == 1:
            return f"({column} + {parts[0][1]}) / {_DAY}"
        cases = " ".join(f"WHEN {column} < {until} THEN {column} + {offset}" for until, offset in parts[:-1])
        return f"(CASE {cases} ELSE {column} + {parts[-1][1]} END) / {_DAY}"

    def _offsets(self) -> list[tuple[int, int]]:
        """Stretches of one offset: until when, and the offset in seconds. A zone changes at most once between two
        midnights, so that the second is found by halving."""
        found: list[tuple[int, int]] = []
        at, now = self.begin, _offset(self.begin, self.zone)
        while at < self.end:
            further = min(at + _DAY, self.end)
            if (then := _offset(further, self.zone)) != now:
                low, high = at, further
                while high - low > 1:
                    middle = (low + high) // 2
                    low, high = (middle, high) if _offset(middle, self.zone) == now else (low, middle)
                found.append((high, now))
                now = then
            at = further
        return [*found, (self.end, now)]


def span(first: date | None, last: date | None, zone: str) -> Span:
    """The span that somebody asks for; by default the 30 days up to today. Raises InputError for a zone that there is
    not, and for what is no span or too long."""
    around = zone_of(zone)
    today = datetime.now(around).date()
    until = last or max(today, first or today)
    since = first or until - min(timedelta(days=29), until - date.min)
    if since > until:
        raise InputError(f"the span ends on {until}, before it begins on {since}", "swap `from` and `to`")
    if (until - since).days >= LONGEST:
        raise InputError(f"the span has more than {LONGEST} days", "ask for a shorter one")
    if not date(1970, 1, 3) <= since or not until <= date(9000, 1, 1):
        raise InputError("the span lies outside of the years that are counted", "ask for days from 1970-01-03 on")
    return Span(since, until, around)


def zone_of(name: str) -> tzinfo:
    """Raises InputError for one that this machine does not know."""
    if name == "UTC":
        return UTC
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise InputError(
            f"this server knows no time zone {name!r}",
            "write it as Europe/Berlin, or leave it out for UTC; the system's package tzdata has the zones",
        ) from None


def _midnight(day: date, zone: tzinfo) -> int:
    return int(datetime(day.year, day.month, day.day, tzinfo=zone).timestamp())


def _offset(at: int, zone: tzinfo) -> int:
    found = datetime.fromtimestamp(at, zone).utcoffset()
    return int(found.total_seconds()) if found is not None else 0
