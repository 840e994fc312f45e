"""What a look finds is what a delivery tells, in the same words, so that both are one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from midwatch.forges.arrived import reading
from midwatch.forges.arrived.base import Arrived
from midwatch.forges.arrived.forgejo import status_subject
from midwatch.forges.news import Head
from midwatch.forges.stamps import Stamps
from tests.support.forge_scenes import NETWORK, SLUG, NetworkWorld, network_world


def happens(world: NetworkWorld) -> Head:
    """One thing of each kind, each told when it happens."""
    forge, hosted = world.server.forge, world.hosted
    forge.person("eve")
    issue = forge.open(hosted, "eve", "Short", "Please, @midwatch")
    world.server.deliver()
    forge.label(hosted, issue, "midwatch", "ann")
    world.server.deliver()
    forge.assign(hosted, issue, world.bot.login, "ann")
    forge.say(hosted, issue, "eve", "@midwatch mend it")
    commit = forge.write(hosted, "midwatch/mend", {"a.txt": "better\n"})
    pull = forge.open(hosted, world.bot.login, "Mend", head="midwatch/mend", base="main")
    beside = [] if world.kind is NETWORK["forgejo"] else [("a.txt", 1, "Why?")]  # which does not tell of those
    forge.judge(hosted, pull, "ann", "Not yet.", beside, "CHANGES_REQUESTED")
    forge.ran(hosted, commit, "unit", failed=True)
    world.server.deliver()
    return Head(pull.number, pull.head, commit)


def same(told: Arrived) -> tuple[Any, ...]:
    """What both have to say alike. Of a run, nobody did it; of a review, a delivery of Forgejo has no address."""
    by = () if told.what == "run" else (told.actor, told.actor_id, told.bot, told.number)
    what = (told.text, told.name, told.asks, told.failed, told.job, "" if told.what == "review" else told.url)
    return (told.what, told.key, told.slug, told.pull, *by, *what)


@pytest.mark.parametrize("kind", sorted(NETWORK))
async def test_what_a_look_finds_is_what_a_delivery_tells(kind: Any, tmp_path: Path) -> None:
    with network_world(kind, tmp_path) as world:
        world.server.hook(SLUG, "http://127.0.0.1:1/", "s3cret")
        head, news, stamps = happens(world), world.site.news, Stamps({})
        sent = [(event(one.headers), one.body) for one in world.server.deliveries]
        told = [one for name, body in sent for one in reading.read(kind, name, body)]
        things = (await news.changed(SLUG, 0.0, stamps)).things
        issue = next(one for one in things if not one.pull)
        number = issue.number
        found = [*await news.given(SLUG, number), *await news.said(SLUG, 0.0, things)]
        found += await news.ran(SLUG, [Head(1 if kind == "gitlab" else 2, head.branch, head.commit)], 0.0, stamps)
        (mentioned,) = [one for one in told if one.what == "mentioned"]
        assert (mentioned.actor, mentioned.actor_id) == (issue.author, issue.author_id)
        assert (mentioned.text, mentioned.number) == (issue.body, number)
        others = [one for one in told if one.what not in ("mentioned", "opened", "changed")]
        assert sorted(map(same, others)) == sorted(same(one.arrived) for one in found)
        assert {one.what for one in others} == {
            "labelled", "assigned", "remark", "run", *(() if kind == "gitlab" else ("review",))
        }  # fmt: skip
        assert all(one.at > 0 for one in found)


def event(headers: dict[str, str]) -> str:
    """By its header, as each forge has one."""
    names = ("X-Gitlab-Event", "X-Forgejo-Event", "X-GitHub-Event")
    return next(headers[name] for name in names if name in headers)


def test_a_status_of_forgejo_has_one_name_in_every_time_zone() -> None:
    there = status_subject("c" * 40, "unit", "failure", "2026-01-01T02:00:00+02:00")
    assert there == status_subject("c" * 40, "unit", "failure", "2026-01-01T00:00:00Z")
    assert there != status_subject("c" * 40, "unit", "failure", "2026-01-01T00:00:01Z")
    assert status_subject("c", "unit", "failure", "never") == "status c unit failure"
