"""What is written below issues and merge requests of GitLab, and said of commits."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import quote

from midwatch.domain.errors import InputError
from midwatch.domain.forge import Judgement, Reaction, Remark, Status, identity
from midwatch.forges import lines, marks
from midwatch.forges.answered import login_of, read
from midwatch.forges.gitlab import answers, words
from midwatch.forges.gitlab.asking import ask, project_path
from midwatch.forges.http import Http, Refused
from midwatch.forges.once import once
from midwatch.workspace.names import shown

_EMOJI: Mapping[Reaction, str] = {
    "eyes": "eyes", "+1": "thumbsup", "-1": "thumbsdown", "rocket": "rocket", "confused": "confused",
}  # fmt: skip
_STATES = {"pending": "pending", "success": "success", "failure": "failed", "neutral": "success"}
"""GitLab has no neutral one, and any other than success would hold up a merge."""
_PLACE = re.compile(r"\s*<!-- midwatch:[^\n]*/\d+ -->\s*\Z")
"""At the end of a remark beside a line: by which it is written once."""
_LONGEST_SUMMARY = 255
"""Characters."""


@dataclass(frozen=True, slots=True)
class _Version:
    """What a review was written for: the commits of it, and by file its old path and the lines that it shows."""

    commits: Mapping[str, str]
    files: Mapping[str, tuple[str, lines.Lines]]


class Notes:
    """What is written. Every call asks GitLab."""

    def __init__(self, http: Http, web: str) -> None:
        self._http = http
        self._web = web
        self._me: answers.User | None = None

    async def me(self, slug: str) -> answers.User:
        """Whose token it is; asked once."""
        if self._me is None:
            found = read(answers.User, (await self._http.request("GET", "/user", slug=slug)).data, self._http.name)
            login_of(found.username, self._http.name)
            self._me = found
        return self._me

    async def all(self, slug: str, number: int) -> Sequence[Remark]:
        """Oldest first, without what GitLab itself notes there."""
        return [self._remark(slug, number, note) for note in await self._all(slug, number)]

    async def _all(self, slug: str, number: int) -> Sequence[answers.Note]:
        params, path = {"sort": "asc", "order_by": "created_at"}, f"{project_path(slug)}{_thread(number)}/notes"
        try:
            entries = await self._http.pages(path, slug=slug, params=params)
        except Refused as error:
            if error.status != 404:
                raise
            what = "issue" if number < 0 else "pull request"
            raise InputError(f"there is no {what} {abs(number)} in {shown(slug)}", error.mend) from None
        return [note for note in read(list[answers.Note], entries, self._http.name) if not note.system]

    async def write(self, slug: str, number: int, body: str) -> Remark:
        """Write a note."""
        path = f"{_thread(number)}/notes"
        reply = await ask(self._http, "POST", slug, path, {"body": words.plain(body)})
        return self._remark(slug, number, read(answers.Note, reply.data, self._http.name))

    async def rewrite(self, slug: str, number: int, remark: Remark, body: str) -> Remark:
        """Give a note another body."""
        path = f"{_thread(number)}/notes/{_id(remark.id)}"
        reply = await ask(self._http, "PUT", slug, path, {"body": words.plain(body)})
        return self._remark(slug, number, read(answers.Note, reply.data, self._http.name))

    async def award(self, slug: str, number: int, remark: str, reaction: Reaction) -> None:
        """A reaction of ours, once."""
        below = f"{_thread(number)}/notes/{_id(remark)}" if remark else _thread(number)
        path, name, me = f"{below}/award_emoji", _EMOJI[reaction], await self.me(slug)

        async def look() -> bool | None:
            awards = read(
                list[answers.Award], await self._http.pages(project_path(slug) + path, slug=slug), self._http.name
            )
            return any(award.user.id == me.id and award.name == name for award in awards) or None

        async def make() -> bool:
            reply = await ask(self._http, "POST", slug, path, {"name": name}, taken=(404,))
            if reply.status == 404 and not await look():  # GitLab answers a second one of the same with this
                raise Refused(
                    f"the forge {self._http.name} takes no reaction there (404)",
                    "the remark may be gone, or the token may lack the right to react", reply,
                )  # fmt: skip
            return True

        await once(look, make, self._http.pause)

    async def judged(self, slug: str, number: int, mark: str) -> str | None:
        """The URL of our note that ends with the mark."""
        me = await self.me(slug)
        for note in await self._all(slug, number):
            if note.author.id == me.id and note.body.rstrip().endswith(mark):
                return self._remark(slug, number, note).url
        return None

    async def judge(self, slug: str, number: int, judgement: Judgement, mark: str) -> str:
        """Remarks beside lines, each once, then the note that sums up: GitLab has no one call for a review that works
        everywhere. What it does not take beside a line goes into that note."""
        version = await self._version(slug, number, judgement.commit) if judgement.remarks else None
        left = []
        for place, (path, line, body) in enumerate(judgement.remarks, 1):
            position = _position(version, path, line)
            its_mark = mark.replace(" -->", f"/{place} -->")
            text = marks.with_end(body, f"\n\n{its_mark}", words.LONGEST)
            if position is None or not await self._beside(slug, number, text, position):
                left.append(f"`{path}:{line}`\n\n{body.rstrip()}")
        body = marks.with_end("\n\n---\n\n".join([judgement.body.rstrip(), *left]), f"\n\n{mark}", words.LONGEST)
        return (await self.write(slug, number, body)).url

    async def _beside(self, slug: str, number: int, body: str, position: Mapping[str, object]) -> bool:
        """Whether GitLab has taken a remark beside a line."""

        async def look() -> bool | None:
            return await self.judged(slug, number, body.rpartition("\n")[2]) is not None or None

        async def make() -> bool:
            asked = {"body": words.plain(body), "position": position}
            path = f"{_thread(number)}/discussions"
            reply = await ask(self._http, "POST", slug, path, asked, taken=(400, 422))
            return reply.status < 300

        return await once(look, make, self._http.pause)

    async def _version(self, slug: str, number: int, commit: str) -> _Version | None:
        """The version of a merge request that has this head; None when GitLab has none of it."""
        path = f"{_thread(number)}/versions"
        versions = read(
            list[answers.Version], await self._http.pages(project_path(slug) + path, slug=slug), self._http.name
        )
        found = next((version for version in versions if version.head_commit_sha == commit), None)
        if found is None:
            return None
        reply = await ask(self._http, "GET", slug, f"{path}/{found.id}")
        changed = read(answers.Version, reply.data, self._http.name).diffs
        commits = {
            "base_sha": found.base_commit_sha, "start_sha": found.start_commit_sha, "head_sha": found.head_commit_sha,
        }  # fmt: skip
        return _Version(commits, {file.new_path: (file.old_path, lines.of_hunks(file.diff)) for file in changed})

    async def report(self, slug: str, commit: str, status: Status) -> None:
        """Set the status of that name, unless it is so."""
        state, summary = _STATES[status.state], " ".join(status.summary.split())[:_LONGEST_SUMMARY]
        wanted = {"state": state, "name": status.name, "description": summary}
        if status.url:
            wanted["target_url"] = status.url

        async def look() -> bool | None:
            path = f"/repository/commits/{quote(commit, safe='')}/statuses"
            entries = await self._http.pages(project_path(slug) + path, slug=slug, params={"name": status.name})
            known = read(list[answers.CommitStatus], entries, self._http.name)
            last = max((one for one in known if one.name == status.name), key=lambda one: one.id, default=None)
            said = None if last is None else (last.status, last.description or "", last.target_url or "")
            return said == (state, summary, status.url) or None

        async def make() -> bool:
            path = f"/statuses/{quote(commit, safe='')}"
            reply = await ask(self._http, "POST", slug, path, wanted, taken=(400,))
            if reply.status == 400 and "transition" not in str(reply.data):  # it is in that state, in other words
                raise Refused(
                    f"the forge {self._http.name} does not take a status of {commit[:12]} (400)",
                    "is the commit there, and may the token set statuses?", reply,
                )  # fmt: skip
            return True

        await once(look, make, self._http.pause)

    def _remark(self, slug: str, number: int, note: answers.Note) -> Remark:
        kind = "issues" if number < 0 else "merge_requests"
        url = f"{self._web}/{slug}/-/{kind}/{abs(number)}#note_{note.id}"
        place = note.position
        path, line = (place.new_path or "", place.new_line or 0) if place is not None else ("", 0)
        body = words.as_written(note.body)
        if path:
            body = _PLACE.sub("", body)
        who = note.author
        return Remark(str(note.id), who.username, body, note.created_at, url, path, line, identity(who.id))


def _thread(number: int) -> str:
    """What comes after the project in calls about an issue (below zero) or a merge request."""
    kind = "issues" if number < 0 else "merge_requests"
    return f"/{kind}/{abs(number)}"


def _id(remark: str) -> str:
    if not remark.isdecimal():
        raise InputError(f"{shown(remark)} is no remark of GitLab's", "its remarks have numbers")
    return remark


def _position(version: _Version | None, path: str, line: int) -> Mapping[str, object] | None:
    """Where a remark stands, as GitLab wants it; None where the difference does not show that line."""
    old_path, shown_lines = ("", {}) if version is None else version.files.get(path, ("", {}))
    if version is None or line not in shown_lines:
        return None
    where: dict[str, object] = {
        **version.commits, "position_type": "text", "new_path": path, "old_path": old_path, "new_line": line,
    }  # fmt: skip
    return where | ({"old_line": shown_lines[line]} if shown_lines[line] else {})
