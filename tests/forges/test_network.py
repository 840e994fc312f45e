"""The pieces that all forges on the network stand on, each alone."""

from __future__ import annotations

import sqlite3
from dataclasses import replace
from email.utils import formatdate
from math import inf
from pathlib import Path
from time import time

import pytest

from midwatch.domain.errors import InputError
from midwatch.domain.forge import Status
from midwatch.domain.pull_request import Proposal, PullRequest
from midwatch.forges import marks
from midwatch.forges.address import canonical, slug_below
from midwatch.forges.base import Forge
from midwatch.forges.book import Book
from midwatch.forges.fake import FakeForge
from midwatch.forges.limited import wait_of, when
from midwatch.forges.news import Listing, changed_since
from midwatch.forges.news import when as time_of
from midwatch.forges.notes import Notes
from midwatch.forges.several import Forges
from midwatch.forges.stamps import Stamps
from tests.support.forge_scenes import NETWORK, SLUG, network_world

GITHUB = "https://github.com"


@pytest.mark.parametrize(
    ("web", "location", "slug"),
    [
        (GITHUB, "https://github.com/ann/shelf", "ann/shelf"),
        (GITHUB, "https://github.com/ann/shelf.git/", "ann/shelf"),
        (GITHUB, "https://x:y@GitHub.com:443/ann/shelf", "ann/shelf"),
        (GITHUB, "git@github.com:ann/shelf.git", "ann/shelf"),
        (GITHUB, "ssh://git@github.com:22/ann/shelf", "ann/shelf"),
        ("https://git.example.org/gitlab", "https://git.example.org/gitlab/group/sub/shelf", "group/sub/shelf"),
        ("https://git.example.org/gitlab", "git@git.example.org:group/sub/shelf.git", "group/sub/shelf"),
        ("http://localhost:3000", "http://localhost:3000/ann/a.b_c-d", "ann/a.b_c-d"),
        (GITHUB, "http://github.com/ann/shelf", None),
        (GITHUB, "https://github.com:8443/ann/shelf", None),
        (GITHUB, "https://github.com.evil.example.org/ann/shelf", None),
        (GITHUB, "https://evil.example.org/github.com/ann/shelf", None),
        (GITHUB, "https://github.com@evil.example.org/ann/shelf", None),
        ("https://git.example.org/gitlab", "https://git.example.org/gitlabx/ann/shelf", None),
        (GITHUB, "https://github.com/ann", None),
        (GITHUB, "https://github.com/ann/../../user", None),
        (GITHUB, "https://github.com/ann/%2e%2e", None),
        (GITHUB, "https://github.com/ann/a%2fb?x=1", None),
        (GITHUB, "https://github.com/ann/sh\nelf", None),
        (GITHUB, "https://github.com:port/ann/shelf", None),
        (GITHUB, "/home/ann/shelf", None),
        (GITHUB, "file:///home/ann/shelf", None),
    ],
)
def test_a_location_is_at_a_forge_or_it_is_not(web: str, location: str, slug: str | None) -> None:
    assert slug_below(web, location) == slug


def test_a_repository_has_one_name_however_it_is_spelled() -> None:
    assert canonical(f"{GITHUB}/", "Ann/Shelf") == canonical(GITHUB, "ann/shelf") == "https://github.com/ann/shelf"


def test_a_rate_limit_is_told_from_another_refusal() -> None:
    assert wait_of(429, {"retry-after": "12"}) == 12
    soon = wait_of(503, {"retry-after": formatdate(time() + 100, usegmt=True)})
    assert soon is not None
    assert 90 < soon <= 100
    assert wait_of(403, {"x-ratelimit-remaining": "0", "x-ratelimit-reset": str(int(time()) - 5)}) == 1
    assert wait_of(429, {"ratelimit-remaining": "0", "ratelimit-reset": "30"}) == 30
    assert wait_of(403, {}, {"message": "You have exceeded a secondary rate limit"}) == 60
    assert wait_of(429, {"retry-after": "soon"}) == wait_of(429, {"retry-after": "\xb2"}) == 60
    assert when(wait_of(429, {"ratelimit-remaining": "0", "ratelimit-reset": "1" * 400}) or 0).endswith("UTC")
    for status, headers in ((403, {"x-ratelimit-remaining": "7"}), (403, {}), (503, {}), (200, {"retry-after": "1"})):
        assert wait_of(status, headers, {"message": "no"}) is None


def test_a_mark_is_hidden_found_again_and_kept_when_the_text_is_cut() -> None:
    text = marks.marked("word " * 50, "a/b:1", 200)
    assert len(text) == 200
    assert marks.has(f"{text}\r\n", "a/b:1")
    assert "cut" in text
    assert not marks.has(text, "a/b:2")
    assert not marks.has(f"> {text}\n\nand an answer", "a/b:1")
    strange = marks.mark("--> <script>" + "x" * 500)
    assert "-->" not in strange.removesuffix("-->")
    assert "script" not in strange


def _pull(number: int, branch: str) -> PullRequest:
    proposal = Proposal("t1", f"{GITHUB}/ann/shelf", branch, "main", "b" * 40, "c" * 40, "T", "B", False, "passed")
    return PullRequest(number, proposal, "open", f"{GITHUB}/ann/shelf/pull/{number}", "2026", "2026")


def test_the_book_takes_the_numbers_of_a_forge_and_has_one_for_each_branch(tmp_path: Path) -> None:
    book = Book(tmp_path / "forge.db")
    first, second = _pull(70, "midwatch/a"), _pull(71, "midwatch/a")
    assert book.record("k", first) == first
    book.record("k", _pull(5, "midwatch/b"))
    book.record("k", second)
    assert [pr.number for pr in book.list("k", None)] == [71, 5]
    assert book.find("k", "midwatch/a") == second
    merged = book.record("k", replace(second, state="merged", updated="2027"))
    assert book.record("k", second) == merged, "asked before the merge, and answered late"
    assert book.record("k", _pull(71, "midwatch/c")).state == "open", "of a repository that was made anew"


def test_a_file_of_an_older_version_takes_remarks_and_keeps_what_it_has(tmp_path: Path) -> None:
    path = tmp_path / "forge.db"
    made = Book(path).put("k", _pull(1, "midwatch/a").proposal)
    db = sqlite3.connect(path)
    db.executescript("DROP TABLE remarks; DROP TABLE reactions; DROP TABLE statuses; PRAGMA user_version = 1;")
    db.close()
    notes = Notes(path)
    notes.report("k", "c" * 40, Status("checks", "pending", ""))
    notes.report("k", "c" * 40, Status("checks", "success", "4"))
    notes.react("k", 1, "", "eyes")
    assert notes.say("k", 1, "local:x#1", "Hello.", "m") == notes.say("k", 1, "local:x#1", "Hello.", "m")
    assert [s.state for s in notes.statuses("k", "c" * 40)] == ["success"]
    assert list(notes.reactions("k", 1)) == [("", "eyes")]
    assert Book(path).list("k", None) == [made]


async def test_what_is_asked_goes_to_the_forge_that_has_the_repository() -> None:
    ours, theirs = FakeForge(), FakeForge()
    asked: list[str] = []

    async def connected(location: str) -> Forge | None:
        asked.append(location)
        return theirs if location.startswith(GITHUB) else None

    forges = Forges(ours, connected)
    away = _pull(1, "midwatch/a").proposal
    theirs.branches[away.repository, away.branch] = ""
    with pytest.raises(InputError, match="somebody else"):
        await forges.propose(away, Path("/nowhere"))
    assert await forges.of("/home/ann/shelf") is ours
    assert await forges.list() == []
    assert await forges.of_task("t1") is None
    assert asked == [away.repository, "/home/ann/shelf"]  # lists and tasks ask nobody


@pytest.mark.parametrize("kind", sorted(NETWORK))
async def test_all_that_has_changed_is_told_once_and_not_again_while_it_is_the_same(kind: str, tmp_path: Path) -> None:
    with network_world(kind, tmp_path) as world:
        most = 60 if kind == "forgejo" else 9  # more than it gives at once
        for number in range(most):
            world.server.forge.open(world.hosted, "ann", f"Issue {number}")
        threads = list(world.hosted.threads.values())
        stamps = Stamps({})
        sweep = await world.site.news.changed(SLUG, time_of(threads[3].updated), stamps)
        assert sorted(one.number for one in sweep.things) == list(range(4, most + 1))
        assert sweep.until == inf
        assert (stamps.now == {}) is (kind == "forgejo")  # nothing is known of more than a page
        latest = time_of(threads[-1].updated)
        (last,) = (await world.site.news.changed(SLUG, latest, stamps)).things
        assert (last.number, last.updated, last.pull, last.open) == (most, latest, False, True)
        again = Stamps(stamps.now)
        assert not (await world.site.news.changed(SLUG, latest, again)).things
        assert again.now == stamps.now


@pytest.mark.parametrize("at_once", [False, True])
async def test_page_after_page_is_read_and_where_there_is_too_much_the_next_look_goes_on(
    at_once: bool, tmp_path: Path
) -> None:
    with network_world("github", tmp_path) as world:
        for _ in range(9):
            world.server.forge.open(world.hosted, "ann", "Issue")
        first = world.hosted.threads[1]
        for thread in world.hosted.threads.values():
            thread.updated = first.updated if at_once else thread.updated
        listing = Listing(f"/repos/{SLUG}/issues", SLUG, "since", {"sort": "updated", "direction": "asc"}, size=2)
        begin, seen = time_of(first.updated), list[int]()
        entries, until = await changed_since(world.site.http, listing, begin)
        assert (sorted(entry["number"] for entry in entries), until) == (list(range(1, 10)), inf)
        while begin != inf:
            entries, begin = await changed_since(world.site.http, listing, begin, pages=2)
            seen += [entry["number"] for entry in entries]
        assert len(set(seen)) == (4 if at_once else 9)  # nothing ends on one second
