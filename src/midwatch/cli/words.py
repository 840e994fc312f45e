"""Words for a person: text from outside made harmless, and numbers made readable.

Everything that a model, a repository or a command has written goes through `clean` (or `line`) before it is printed:
a terminal obeys what it is sent, and must never obey what Midwatch was asked to look at.
"""

from __future__ import annotations

import re
import unicodedata
from datetime import UTC, datetime

_ESCAPES = re.compile(
    "\x1b\\[[0-?]*[ -/]*[@-~]"  # CSI: colours, cursor, modes
    "|[\x1b][\\]PX^_][^\x07\x1b\x9c]*(?:\x07|\x1b\\\\|\x9c)?"  # OSC, DCS, SOS, PM, APC with their strings
    "|\x9b[0-?]*[ -/]*[@-~]"
    "|\x1b[ -/]*[0-~]?"
)
_ANY_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")
_CONTROLS = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f]")
_HIDDEN = re.compile("[\u061c\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff\U000e0000-\U000e007f]")
_SPACES = re.compile(r"\s+")


def clean(text: str) -> str:
    """Text that a terminal shows and does not obey; line breaks stay, tabs become spaces.

    Escape sequences and control characters go. Characters that turn the direction of reading are shown as
    `<U+202E>`, bytes that were no UTF-8 (surrogate escapes) as `\\xff`.
    """
    if text.isascii() and text.isprintable():
        return text
    text = _ESCAPES.sub("", text.replace("\r\n", "\n")).replace("\r", "\n").expandtabs(4)
    return _HIDDEN.sub(_shown, _CONTROLS.sub("", text))


def _shown(match: re.Match[str]) -> str:
    code = ord(match[0])
    return f"\\x{code - 0xDC00:02x}" if 0xDC80 <= code <= 0xDCFF else f"<U+{code:04X}>"


def name(path: str) -> str:
    """A file's name on one line, with nothing of it hidden: control characters as `\\x1b`, bytes that were no UTF-8 as
    `\\xff`. Two names that differ look different."""
    return _HIDDEN.sub(_shown, _ANY_CONTROL.sub(lambda match: f"\\x{ord(match[0]):02x}", path))


def line(text: str) -> str:
    """`clean` text on one line."""
    return _SPACES.sub(" ", clean(text)).strip()


def decode(data: bytes) -> str:
    """Output of a command as clean text; what is not UTF-8 is shown as `\\xff`."""
    return clean(data.decode("utf-8", "surrogateescape"))


def cells(text: str) -> int:
    """How many columns of a terminal the (clean) text takes."""
    return len(text) if text.isascii() else sum(map(_cell, text))


def _cell(char: str) -> int:
    if unicodedata.category(char) in ("Mn", "Me", "Cf"):
        return 0
    return 2 if unicodedata.east_asian_width(char) in "WF" else 1


def cut(text: str, width: int, mark: str = "…") -> str:
    """At most `width` columns of a line, with a mark where something was left out."""
    if cells(text) <= width:
        return text
    kept, used = [], len(mark)
    for char in text:
        used += _cell(char)
        if used > width:
            break
        kept.append(char)
    return "".join(kept).rstrip() + mark if width > 0 else ""


def cut_path(path: str, width: int, mark: str = "…") -> str:
    """A path in at most `width` columns; its end says more than its beginning."""
    if cells(path) <= width:
        return path
    kept, used = [], len(mark)
    for char in reversed(path):
        used += _cell(char)
        if used > width:
            break
        kept.append(char)
    return mark + "".join(reversed(kept)) if width > 0 else ""


def pad(text: str, width: int) -> str:
    """The text followed by spaces up to `width` columns."""
    return text + " " * max(0, width - cells(text))


def wrap(text: str, width: int, indent: str = "") -> list[str]:
    """Clean text as lines of at most `width` columns. Paragraphs, blank lines and indented lines stay."""
    lines = []
    room = max(10, width - len(indent))
    for paragraph in clean(text).strip("\n").split("\n"):
        lines += [(indent + piece).rstrip() for piece in _fold(paragraph.rstrip(), room)]
    return lines


def _fold(text: str, room: int) -> list[str]:
    if cells(text) <= room:
        return [text]
    hang = text[: len(text) - len(text.lstrip(" "))][: room // 2]
    pieces, current = [], hang
    for word in text.split():
        separator = "" if current.strip() == "" else " "
        if separator and cells(current) + 1 + cells(word) > room:
            pieces.append(current)
            current, separator = hang, ""
        while cells(current) + len(separator) + cells(word) > room:  # a word longer than a line
            head = cut(word, room - cells(current) - len(separator), "")
            pieces.append(current + separator + head)
            word, current, separator = word[len(head) :], hang, ""
            if not head:
                break
        current += separator + word
    return [*pieces, current]


def duration(seconds: float) -> str:
    """`40 ms`, `0.4 s`, `42 s`, `4 min 12 s`, `2 h 5 min`."""
    if seconds < 0.0995:
        return f"{max(0, round(seconds * 1000))} ms"
    if seconds < 9.95:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} min"


def milliseconds(value: int) -> str:
    """A duration given in milliseconds."""
    return duration(value / 1000)


def age(time: str, now: datetime | None = None) -> str:
    """How long ago an ISO time was: `now`, `5 min`, `3 h`, `12 d`; empty for no time."""
    if not time:
        return ""
    try:
        moment = datetime.fromisoformat(time)
    except ValueError:
        return "?"
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    seconds = int(((now or datetime.now(UTC)) - moment).total_seconds())
    for size, unit in ((86400, "d"), (3600, "h"), (60, "min")):
        if seconds >= size:
            return f"{seconds // size} {unit}"
    return "now"


def waits(why: str, until: str) -> str:
    """What a task waits for, as a server tells it; `until` is UTC, ISO 8601, or empty."""
    try:
        time = datetime.fromisoformat(until).astimezone().strftime("%Y-%m-%d %H:%M") if until else ""
    except (ValueError, OverflowError):  # a server may send anything
        time = line(until)
    if why == "its time":
        return f"begins at {time}"
    return line(why) + (f", not before {time}" if time else "")


def utc_now() -> str:
    """The time as events carry it, so that the two compare as text."""
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def count(number: int, one: str, many: str = "") -> str:
    """`1 file`, `1,200 files`."""
    return f"{number:,} {one if number == 1 else many or one + 's'}"


def size(number: int) -> str:
    """Bytes: `812 B`, `3.4 KiB`, `64 MiB`."""
    if number < 1024:
        return f"{number} B"
    value = float(number)
    for unit in ("KiB", "MiB", "GiB"):
        value /= 1024
        if value < 1024 or unit == "GiB":
            break
    return f"{value:.1f} {unit}" if value < 10 else f"{value:.0f} {unit}"


def compact(number: int) -> str:
    """A number in few characters: `812`, `12.3k`, `4.1M`."""
    if number < 10_000:
        return str(number)
    return f"{number / 1000:.1f}k" if number < 999_950 else f"{number / 1e6:.1f}M"


def money(microusd: int) -> str:
    """Millionths of a dollar as dollars; small sums with more digits."""
    dollars = microusd / 1e6
    return f"${dollars:.2f}" if dollars >= 1 or microusd == 0 else f"${dollars:.4f}"


def price(model: str, microusd: int | None) -> str:
    """What the model's calls cost, in words."""
    if model == "repair":
        return "free: no language model was used"
    return "price not known" if microusd is None else money(microusd)
