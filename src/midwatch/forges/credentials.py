"""What a forge lets us in by."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol


class Credential(Protocol):
    """Gives tokens. What it gives is in no argument, address, log, event or error."""

    @property
    def app(self) -> bool:
        """Whether we come as an app of the forge (GitHub App) and not as one of its users."""

    async def token(self, slug: str) -> str:
        """A token for calls and for git that opens `slug` (OWNER/NAME) and lasts some minutes at least. May ask the
        forge for a new one. Raises InputError when there is none for that repository, OperationError when the forge
        cannot be asked."""

    def forget(self, slug: str) -> None:
        """The forge has refused what was asked with that token: the next one is made anew, where we make them."""


@dataclass(frozen=True, slots=True)
class FixedToken:
    """A token that a person has made. It opens whatever the forge lets it open."""

    value: str = field(repr=False)
    app: bool = False

    async def token(self, slug: str) -> str:
        """As the contract; never raises."""
        return self.value

    def forget(self, slug: str) -> None:
        """As the contract: it stays, as a person has made it."""
