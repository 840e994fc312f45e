"""The pull requests that were proposed, at whichever forge: written down here, so that listing asks nobody."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Sequence
from dataclasses import replace

from midwatch.domain.codec import from_json, to_json
from midwatch.domain.pull_request import Proposal, PullRequest
from midwatch.forges.kept import Kept, now, plain


class Book(Kept):
    """Safe to use from several processes at once; each call is one transaction of well under a millisecond."""

    def find(self, key: str, branch: str) -> PullRequest | None:
        """The pull request of a branch."""
        rows = self._select("WHERE repository = ? AND branch = ?", (key, plain(branch)))
        return rows[0] if rows else None

    def get(self, key: str, number: int) -> PullRequest | None:
        """The pull request of that number."""
        rows = self._select("WHERE repository = ? AND number = ?", (key, number))
        return rows[0] if rows else None

    def of_task(self, task_id: str) -> PullRequest | None:
        """The newest pull request of a task."""
        rows = self._select("WHERE task = ? ORDER BY created DESC, number DESC", (task_id,))
        return rows[0] if rows else None

    def list(self, key: str | None, state: str | None) -> Sequence[PullRequest]:
        """Newest first."""
        where = (
            "WHERE (?1 IS NULL OR repository = ?1) AND (?2 IS NULL OR state = ?2) ORDER BY created DESC, number DESC"
        )
        return self._select(where, (key, state))

    def offers(self, key: str, branch: str) -> set[str]:
        """The commits that we have put, or were about to put, on a branch."""
        if not self._path.exists():
            return set()
        with self._open() as db:
            found = db.execute(
                "SELECT offered FROM offers WHERE repository = ? AND branch = ?", (key, plain(branch))
            ).fetchall()
        return {row[0] for row in found}

    def offer(self, key: str, branch: str, commit: str) -> None:
        """Note that a commit is about to be put on a branch. May be called again."""
        with self._open() as db:
            db.execute(
                "INSERT OR IGNORE INTO offers (repository, branch, offered) VALUES (?, ?, ?)",
                (key, plain(branch), commit),
            )

    def put(self, key: str, proposal: Proposal) -> PullRequest:
        """The open pull request of the proposal's branch: made, or brought up to date; the same one when nothing
        differs. One that was closed is open again."""
        with self._open() as db:
            db.execute("BEGIN IMMEDIATE")
            where = "WHERE repository = ? AND branch = ?"
            before = _pull_requests(db, where, (key, plain(proposal.branch)))
            if before and before[0].state == "open" and before[0].proposal == proposal:
                return before[0]
            if before:
                taken = replace(before[0], proposal=proposal, state="open", updated=now())
            else:
                highest = db.execute("SELECT max(number) FROM pull_requests WHERE repository = ?", (key,)).fetchone()[0]
                made, number = now(), (highest or 0) + 1
                taken = PullRequest(number, proposal, "open", f"local:{proposal.repository}#{number}", made, made)
            _write(db, key, taken)
        return taken

    def record(self, key: str, pr: PullRequest) -> PullRequest:
        """Write down a pull request as its forge has it, number and all; the same one when nothing differs. It takes
        the place of another one of its branch. What is merged stays merged: whoever asked before that and was answered
        late says nothing else."""
        with self._open() as db:
            db.execute("BEGIN IMMEDIATE")
            before = _pull_requests(db, "WHERE repository = ? AND number = ?", (key, pr.number))
            if before and before[0] == pr:
                return pr
            if before and before[0].state == "merged" != pr.state and _same_branch(before[0], pr):
                return before[0]
            _write(db, key, pr)
        return pr

    def settle(self, key: str, number: int, state: str, merge_commit: str = "") -> PullRequest | None:
        """Write down how a pull request ended; what is merged stays merged."""
        with self._open() as db:
            db.execute("BEGIN IMMEDIATE")
            found = _pull_requests(db, "WHERE repository = ? AND number = ?", (key, number))
            if not found or found[0].state in (state, "merged"):
                return found[0] if found else None
            settled = replace(found[0], state=state, merge_commit=merge_commit, updated=now())
            _write(db, key, settled)
        return settled

    def _select(self, where: str, values: tuple[object, ...]) -> Sequence[PullRequest]:
        if not self._path.exists():
            return []
        with self._open() as db:
            return _pull_requests(db, where, values)


def _same_branch(one: PullRequest, other: PullRequest) -> bool:
    """Else it is one of a repository that was made anew."""
    return one.proposal.branch == other.proposal.branch


def _pull_requests(db: sqlite3.Connection, where: str, values: tuple[object, ...]) -> list[PullRequest]:
    rows = db.execute(f"SELECT record FROM pull_requests {where}", values).fetchall()  # noqa: S608  our own words
    return [from_json(PullRequest, json.loads(row[0])) for row in rows]


def _write(db: sqlite3.Connection, key: str, pr: PullRequest) -> None:
    record = json.dumps(to_json(pr))  # ASCII, so that names which are not UTF-8 come back as they were
    row = (key, pr.number, plain(pr.proposal.branch), pr.proposal.task_id, pr.state, pr.created, record)
    names = "repository, number, branch, task, state, created, record"
    db.execute(f"INSERT OR REPLACE INTO pull_requests ({names}) VALUES (?, ?, ?, ?, ?, ?, ?)", row)  # noqa: S608
