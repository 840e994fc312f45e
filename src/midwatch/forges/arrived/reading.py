"""Reading what a forge sends, whichever it is."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from pydantic import ValidationError

from midwatch.forges.arrived import forgejo, github, gitlab
from midwatch.forges.arrived.base import Arrived, Unreadable

if TYPE_CHECKING:
    from midwatch.engine.forges.connections import Kind

_READERS = {"github": github.read, "gitlab": gitlab.read, "forgejo": forgejo.read}


def is_program(kind: Kind, login: str) -> bool:
    """Whether a login is a program's, as far as its name says; for what is read at the forge."""
    return {"gitlab": gitlab.is_program, "forgejo": forgejo.is_program}.get(kind, _is_app)(login)


def _is_app(login: str) -> bool:
    return login.endswith("[bot]")


def read(kind: Kind, event: str, body: bytes) -> Sequence[Arrived]:
    """What a delivery means here; nothing for what is of no use. Only of a body that is genuine. Raises Unreadable."""
    try:
        return _READERS[kind](event, body)
    except ValidationError as error:
        first = error.errors()[0]
        raise Unreadable(f"{event}: {'.'.join(map(str, first['loc']))}: {first['msg']}") from None
