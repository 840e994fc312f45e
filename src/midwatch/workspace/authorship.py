"""Who a commit is by, and its signature: made on the host by git with a key that no box ever sees."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from midwatch.domain.errors import InputError
from midwatch.workspace.git import Git, last_words
from midwatch.workspace.names import shown

_WHO = re.compile(r"(?P<name>[^\x00-\x1f<>]*[^\x00-\x20<>]) <(?P<email>[^\x00-\x20<>]+)>")
_TRAILER = re.compile(r"[A-Za-z][A-Za-z-]*: ")


@dataclass(frozen=True, slots=True)
class Authorship:
    """Whose the commits are that are offered."""

    author: str = "Midwatch <midwatch@localhost>"
    """Author and committer: `Name <address>`."""
    co_authors: tuple[str, ...] = ()
    """Named in trailers of the message, likewise."""
    key: str = ""
    """The file of an ssh key, or the id of an OpenPGP key; empty for no signature."""
    format: str = "ssh"

    def message(self, message: str) -> str:
        """With a trailer for each co-author."""
        if not self.co_authors:
            return message
        trailers = "".join(f"Co-authored-by: {who}\n" for who in self.co_authors)
        _, apart, last = message.rstrip().rpartition("\n\n")
        among = bool(apart) and all(_TRAILER.match(line) for line in last.split("\n"))
        between = "\n" if among else "\n\n"
        return f"{message.rstrip()}{between}{trailers}"

    def who(self, when: str) -> bytes:
        """As it stands in a commit: name, address and time. `when` is ISO 8601; without a zone it is UTC."""
        return f"{self.author} {_seconds(when)} +0000".encode()


OURS = Authorship()


def require_person(who: str, key: str) -> str:
    """The name and address as they are. Raises InputError, which names the `key` of the settings, for what is none."""
    if not _WHO.fullmatch(who):
        raise InputError(f"{key}: {shown(who)!r} is no author", 'write it like this: "Ada Byron <ada@example.org>"')
    return who


async def signed(store: Path, tree: str, parent: str, message: str, when: str, by: Authorship) -> str:
    """A signed commit in the store; its id. Blocks on the program that signs. Raises InputError when it cannot be
    signed: nothing is offered then."""
    person = _WHO.fullmatch(by.author)
    assert person is not None
    stamp = f"@{_seconds(when)} +0000"
    environment = {
        f"GIT_{role}_{what}": value
        for role in ("AUTHOR", "COMMITTER")
        for what, value in (("NAME", person["name"]), ("EMAIL", person["email"]), ("DATE", stamp))
    }
    settings = (f"gpg.format={by.format}", f"user.signingKey={by.key}", "i18n.commitEncoding=UTF-8")
    git = Git(git_dir=store, cwd=store, trusted=True, environment=environment, settings=settings)
    text = message.replace("\0", "").encode("utf-8", "replace")
    answer = await git.ask("commit-tree", "-S", tree, "-p", parent, "-F", "-", stdin=text or b"\n")
    if answer.code != 0:
        raise InputError(
            f"the commit cannot be signed with {shown(by.key)}: {last_words(answer.stderr)}",
            "mend signing_key of [commits] in the settings, or take it out, then `midwatch resume`; a key with a "
            "passphrase must be in the agent",
        )
    return answer.stdout.decode("ascii").strip()


def _seconds(when: str) -> int:
    moment = datetime.fromisoformat(when)
    return int((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp())
