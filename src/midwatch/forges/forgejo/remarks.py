"""What is written below issues and pull requests of Forgejo and Gitea, and said of commits."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from urllib.parse import quote

from midwatch.domain.errors import InputError
from midwatch.domain.forge import Judgement, Reaction, Remark, Status, identity
from midwatch.forges import marks
from midwatch.forges.answered import login_of, read
from midwatch.forges.forgejo import answers
from midwatch.forges.forgejo.asking import PAGE, repository_path
from midwatch.forges.http import Http, Refused
from midwatch.forges.once import Unsure, once
from midwatch.workspace.names import shown

_STATES = {"pending": "pending", "success": "success", "failure": "failure", "neutral": "success"}
"""These forges have no neutral one; what they call a warning is shown as a fault."""
_REVIEW = "review-"
"""How the id of a review's own text begins: reviews and remarks are numbered apart."""
_LONGEST = 500_000
_LONGEST_SUMMARY = 250
"""Characters."""


class Remarks:
    """What is written. Every call asks the forge."""

    def __init__(self, http: Http) -> None:
        self._http = http
        self._me = ""

    async def me(self, slug: str) -> str:
        """Whose token it is; asked once."""
        if not self._me:
            reply = await self._http.request("GET", "/user", slug=slug)
            self._me = login_of(read(answers.User, reply.data, self._http.name).login, self._http.name)
        return self._me

    async def all(self, slug: str, number: int) -> Sequence[Remark]:
        """Oldest first: remarks, what reviews say, and what they say beside lines."""
        path = f"{repository_path(slug)}/issues/{number}/comments"
        reply = await self._http.request("GET", path, slug=slug, taken=(404,))
        if reply.status == 404:
            raise Refused(
                f"there is no issue or pull request {number} in {shown(slug)}", "look at its number there", reply
            )
        found = [_remark(comment) for comment in read(list[answers.Comment], reply.data or [], self._http.name)]
        for review in await self._reviews(slug, number):
            if review.body:
                name, (author, known) = f"{_REVIEW}{review.id}", _by(review.user)
                said = Remark(name, author, review.body, review.submitted_at, review.html_url, author_id=known)
                found.append(said)
            if review.comments_count:
                found += await self._beside(slug, number, review.id)
        return sorted(found, key=_when)

    async def _reviews(self, slug: str, number: int) -> Sequence[answers.Review]:
        path = f"{repository_path(slug)}/pulls/{number}/reviews"
        entries = await self._http.pages(path, slug=slug, params=PAGE, taken=(404,))  # an issue has none
        reviews = read(list[answers.Review], entries, self._http.name)
        return [review for review in reviews if review.state not in ("PENDING", "REQUEST_REVIEW")]

    async def _beside(self, slug: str, number: int, review: int) -> Sequence[Remark]:
        path = f"{repository_path(slug)}/pulls/{number}/reviews/{review}/comments"
        reply = await self._http.request("GET", path, slug=slug)
        entries = read(list[answers.LineComment], reply.data or [], self._http.name)
        return [_remark(entry, entry.path, entry.position) for entry in entries]

    async def write(self, slug: str, number: int, body: str) -> Remark:
        """Write a remark."""
        path = f"{repository_path(slug)}/issues/{number}/comments"
        reply = await self._http.request("POST", path, slug=slug, json={"body": body})
        return _remark(read(answers.Comment, reply.data, self._http.name))

    async def rewrite(self, slug: str, remark: Remark, body: str) -> Remark:
        """Give a remark another body."""
        path = f"{repository_path(slug)}/issues/comments/{_id(remark.id)}"
        reply = await self._http.request("PATCH", path, slug=slug, json={"body": body})
        return _remark(read(answers.Comment, reply.data, self._http.name))

    async def react(self, slug: str, number: int, remark: str, reaction: Reaction) -> None:
        """A reaction of ours: the forge keeps one of each."""
        if remark.startswith(_REVIEW):
            return
        below = f"comments/{_id(remark)}" if remark else str(number)
        path, body = f"{repository_path(slug)}/issues/{below}/reactions", {"content": reaction}
        try:
            await self._http.request("POST", path, slug=slug, json=body)
        except Unsure:
            await self._http.request("POST", path, slug=slug, json=body)

    async def judged(self, slug: str, number: int, mark: str) -> str | None:
        """The URL of our review that ends with the mark."""
        me = await self.me(slug)
        for review in await self._reviews(slug, number):
            if review.user is not None and review.user.login == me and review.body.rstrip().endswith(mark):
                return review.html_url
        return None

    async def judge(self, slug: str, number: int, judgement: Judgement, mark: str) -> str:
        """One review with all its remarks. Those in files that the pull request does not change, and all when the forge
        takes none, go into its body."""
        changed = await self._changed(slug, number) if judgement.remarks else set()
        beside = [remark for remark in judgement.remarks if remark[0] in changed]

        async def look() -> str | None:
            return await self.judged(slug, number, mark)

        if beside:
            try:
                return await once(look, lambda: self._judge(slug, number, judgement, (mark, beside)), self._http.pause)
            except Refused as error:
                if error.status not in (400, 404, 422):
                    raise
            except Unsure:  # a line that it cannot place may end in an error of its own
                pass
        return await once(look, lambda: self._judge(slug, number, judgement, (mark, [])), self._http.pause)

    async def _judge(
        self, slug: str, number: int, judgement: Judgement, how: tuple[str, Sequence[tuple[str, int, str]]]
    ) -> str:  # fmt: skip
        mark, beside = how
        left = [
            f"`{path}:{line}`\n\n{body}" for path, line, body in judgement.remarks if (path, line, body) not in beside
        ]
        text = "\n\n---\n\n".join([judgement.body.rstrip(), *left])
        asked = {
            "event": "COMMENT", "commit_id": judgement.commit, "body": marks.with_end(text, f"\n\n{mark}", _LONGEST),
            "comments": [{"path": path, "new_position": line, "body": body} for path, line, body in beside],
        }  # fmt: skip
        reply = await self._http.request(
            "POST", f"{repository_path(slug)}/pulls/{number}/reviews", slug=slug, json=asked
        )
        return read(answers.Review, reply.data, self._http.name).html_url

    async def _changed(self, slug: str, number: int) -> set[str]:
        path = f"{repository_path(slug)}/pulls/{number}/files"
        entries = read(list[answers.Changed], await self._http.pages(path, slug=slug, params=PAGE), self._http.name)
        return {file.filename for file in entries if file.status not in ("deleted", "removed")}

    async def report(self, slug: str, commit: str, status: Status) -> None:
        """Set the status of that name, unless it is so."""
        state, summary = _STATES[status.state], " ".join(status.summary.split())[:_LONGEST_SUMMARY]
        wanted = {"state": state, "context": status.name, "description": summary, "target_url": status.url}
        path = f"{repository_path(slug)}/statuses/{quote(commit, safe='')}"

        async def look() -> bool | None:
            entries = await self._http.pages(path, slug=slug, params=PAGE)
            known = read(list[answers.CommitStatus], entries, self._http.name)
            last = max((one for one in known if one.context == status.name), key=lambda one: one.id, default=None)
            said = None if last is None else (last.status, last.description, last.target_url)
            return said == (state, summary, status.url) or None

        async def make() -> bool:
            await self._http.request("POST", path, slug=slug, json=wanted)
            return True

        await once(look, make, self._http.pause)


def _when(remark: Remark) -> float:
    """Times come with the offset that was in force."""
    try:
        return datetime.fromisoformat(remark.created).timestamp()
    except ValueError:
        return 0.0


def _remark(comment: answers.Comment | answers.LineComment, path: str = "", line: int = 0) -> Remark:
    author, known = _by(comment.user)
    return Remark(str(comment.id), author, comment.body, comment.created_at, comment.html_url, path, line, known)


def _by(user: answers.User | None) -> tuple[str, str]:
    """Login and identity."""
    return (user.login, identity(user.id)) if user else ("", "")


def _id(remark: str) -> str:
    if not remark.isdecimal():
        raise InputError(f"{shown(remark)} is no remark that can be changed there", "remarks have numbers")
    return remark
