"""What is said at GitHub: remarks, reactions, reviews."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from midwatch.domain.errors import InputError
from midwatch.domain.forge import Judgement, Reaction, Remark
from midwatch.forges import lines, marks
from midwatch.forges.github.asking import graph
from midwatch.forges.github.shapes import Comment, File, Review, read, read_all
from midwatch.forges.http import Http
from midwatch.workspace.names import shown

LONGEST = 60_000
"""Characters of a review's words."""

_REMARK = re.compile(r"(comment|line|review)/(\d+)")
_NAMES: Mapping[Reaction, str] = {
    "eyes": "EYES", "+1": "THUMBS_UP", "-1": "THUMBS_DOWN", "rocket": "ROCKET", "confused": "CONFUSED",
}  # fmt: skip
_REACT = (
    "mutation($id: ID!, $content: ReactionContent!) "
    "{ addReaction(input: {subjectId: $id, content: $content}) { reaction { content } } }"
)


async def remarks(http: Http, slug: str, number: int) -> Sequence[Remark]:
    """As `Site.remarks`. A review without words of its own has only its remarks beside lines."""
    below = read_all(Comment, await http.pages(f"/repos/{slug}/issues/{number}/comments", slug=slug))
    pull = f"/repos/{slug}/pulls/{number}"  # 404 for an issue
    beside = read_all(Comment, await http.pages(f"{pull}/comments", slug=slug, taken=(404,)))
    judged = await reviews(http, slug, number)
    found = [comment.remark() for comment in (*below, *beside)]
    found += [review.remark() for review in judged if review.body and review.submitted_at]
    return sorted(found, key=lambda remark: remark.created)


async def reviews(http: Http, slug: str, number: int) -> Sequence[Review]:
    """Those of a pull request; none of an issue."""
    path = f"/repos/{slug}/pulls/{number}/reviews"
    return read_all(Review, await http.pages(path, slug=slug, taken=(404,)))


async def write(http: Http, slug: str, number: int, body: str) -> Remark:
    """As `Site.write`."""
    path = f"/repos/{slug}/issues/{number}/comments"
    return read(Comment, (await http.request("POST", path, slug=slug, json={"body": body})).data).remark()


async def rewrite(http: Http, slug: str, remark: Remark, body: str) -> Remark:
    """As `Site.rewrite`, for a remark below."""
    path = f"/repos/{slug}/issues/comments/{remark.id.partition('/')[2]}"
    return read(Comment, (await http.request("PATCH", path, slug=slug, json={"body": body})).data).remark()


async def react(http: Http, slug: str, number: int, remark: str, reaction: Reaction) -> None:
    """As `Site.react`; GitHub itself leaves each reaction once."""
    path = f"/repos/{slug}/issues/{number}/reactions"
    if remark:
        found = _REMARK.fullmatch(remark)
        if found is None:
            raise InputError(f"{shown(remark)!r} names no remark at GitHub", "it is like comment/1, line/2 or review/3")
        kind, name = found[1], found[2]
        if kind == "review":
            review = await http.request("GET", f"/repos/{slug}/pulls/{number}/reviews/{name}", slug=slug)
            await graph(http, slug, _REACT, id=read(Review, review.data).node_id, content=_NAMES[reaction])
            return
        path = f"/repos/{slug}/{'issues' if kind == 'comment' else 'pulls'}/comments/{name}/reactions"
    await http.request("POST", path, slug=slug, json={"content": reaction})


async def judge(http: Http, slug: str, number: int, judgement: Judgement, mark: str) -> str:
    """As `Site.judge`. GitHub refuses a review for one line that is not in the difference, so that those go into its
    words; and for a commit that is no longer there, so that then all do."""
    path = f"/repos/{slug}/pulls/{number}/reviews"
    tried = [judgement.remarks]
    while True:
        beside = tried[-1]
        body: dict[str, Any] = {"event": "COMMENT", "body": _words(judgement, beside, mark)}
        if len(tried) < 3:
            body["commit_id"] = judgement.commit
            body["comments"] = [{"path": p, "line": n, "side": "RIGHT", "body": text} for p, n, text in beside]
        taken = (422,) if len(tried) < 3 else ()
        reply = await http.request("POST", path, slug=slug, json=body, taken=taken)
        if reply.status != 422:
            return read(Review, reply.data).html_url
        tried.append(await _in_the_difference(http, slug, number, judgement) if len(tried) == 1 else ())


async def _in_the_difference(
    http: Http, slug: str, number: int, judgement: Judgement
) -> tuple[tuple[str, int, str], ...]:
    files = read_all(File, await http.pages(f"/repos/{slug}/pulls/{number}/files", slug=slug))
    shows = {file.filename: lines.of_hunks(file.patch) for file in files}
    return tuple(remark for remark in judgement.remarks if remark[1] in shows.get(remark[0], ()))


def _words(judgement: Judgement, beside: Sequence[tuple[str, int, str]], mark: str) -> str:
    """The words of the review, with the remarks that stand beside no line."""
    rest = [remark for remark in judgement.remarks if remark not in beside]
    parts = [judgement.body.strip(), *(f"**`{shown(path)}`, line {line}**\n\n{text}" for path, line, text in rest)]
    return marks.with_end("\n\n".join(part for part in parts if part), f"\n\n{mark}", LONGEST)
