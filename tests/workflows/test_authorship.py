"""Whose the commit is that is offered, and its signature."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from midwatch import reading, wiring
from midwatch.domain.errors import InputError
from midwatch.domain.events import Checked
from midwatch.domain.observer import Silent
from midwatch.workflows.start import Request
from midwatch.workspace.authorship import Authorship
from tests.support.model_server import ModelServer, calls, says, serving
from tests.support.repositories import UserRepository

WHO = "Ada Byron <ada@example.org>"


@pytest.fixture(scope="module")
def models() -> Iterator[ModelServer]:
    with serving() as server:
        yield server


def settings(tmp_path: Path, base_url: str, text: str) -> dict[str, str]:
    config = tmp_path / "config/midwatch"
    config.mkdir(parents=True, exist_ok=True)
    (config / "config.toml").write_text(text)
    return {
        "PATH": "/usr/bin:/bin", "HOME": str(tmp_path), "XDG_CONFIG_HOME": str(tmp_path / "config"),
        "XDG_STATE_HOME": str(tmp_path / "state"), "OPENAI_API_KEY": "sk", "OPENAI_BASE_URL": base_url,
    }  # fmt: skip


def ssh_key(folder: Path) -> Path:
    command = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "", "-f", str(folder / "key")]
    subprocess.run(command, check=True)
    (folder / "signers").write_text(f"ada@example.org {(folder / 'key.pub').read_text()}")
    return folder / "key"


async def test_the_offered_commit_is_signed_by_its_author_and_the_log_still_proves_it(
    tmp_path: Path, models: ModelServer
) -> None:
    user = UserRepository.make(tmp_path / "repo", count__txt="zero\n")
    key = ssh_key(tmp_path)
    text = f'[commits]\nauthor = "{WHO}"\nco_author = ["Night Shift <night@example.org>"]\nsigning_key = "{key}"\n'
    environ = settings(
        tmp_path, models.script(calls("shell", command="echo one >> count.txt"), says("Count\n\nDone.")), text
    )
    request = Request("Count", str(user.path), model="openai/scripted", sandbox="process", checks=("true",))
    async with wiring.home(environ) as home:
        task = await wiring.start(home, request)
        await wiring.run(home, task.id, Silent())
        (checked,) = [e.body for e in await home.store.read(f"{task.id}.1") if isinstance(e.body, Checked)]
        pull = await home.forge.of_task(task.id)
        assert pull is not None
        assert pull.proposal.commit == checked.commit, "what was signed is what the log has and what is offered"
        assert (await reading.verify(home, task.id)).faults == ()
    signers = f"gpg.ssh.allowedSignersFile={tmp_path / 'signers'}"
    user.git("-c", signers, "verify-commit", checked.commit)
    shown = user.git(
        "show", "-s", "--format=%an <%ae>|%cn <%ce>|%(trailers:key=Co-authored-by,valueonly)", checked.commit
    )
    assert shown.strip() == f"{WHO}|{WHO}|Night Shift <night@example.org>"


async def test_without_a_key_that_signs_nothing_is_offered_and_the_mend_is_said(
    tmp_path: Path, models: ModelServer
) -> None:
    user = UserRepository.make(tmp_path / "repo", count__txt="zero\n")
    key = tmp_path / "key"
    key.write_text("no key at all\n")
    base = models.script(calls("shell", command="echo one >> count.txt"), says("Count\n\nDone."))
    environ = settings(tmp_path, base, f'[commits]\nsigning_key = "{key}"\n')
    request = Request("Count", str(user.path), model="openai/scripted", sandbox="process", checks=("true",))
    async with wiring.home(environ) as home:
        task = await wiring.start(home, request)
        with pytest.raises(InputError, match="cannot be signed with") as caught:
            await wiring.run(home, task.id, Silent())
        assert "signing_key of [commits]" in caught.value.mend
        assert await home.forge.of_task(task.id) is None
    key.unlink()
    ssh_key(tmp_path)
    async with wiring.home(environ) as home:  # and it goes on where it stopped
        report = await wiring.run(home, task.id, Silent())
        assert report.chosen.commit


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('author = "Ada"', "commits.author: 'Ada' is no author"),
        ('author = "Ada <a@b>\\nx <c@d>"', "is no author"),
        ('co_author = ["Ada <>"]', "commits.co_author"),
        ('signing_key = "/nowhere/key"', "there is no file /nowhere/key"),
        ('signing_format = "x509"', "commits.signing_format"),
    ],
)
def test_settings_that_cannot_be_are_said(tmp_path: Path, text: str, words: str) -> None:
    from midwatch.settings import load

    environ = settings(tmp_path, "", f"[commits]\n{text}\n")
    with pytest.raises(InputError) as caught:
        load(environ).commits.authorship(environ)
    assert words in str(caught.value)


def test_trailers_stand_at_the_end_of_the_message() -> None:
    by = Authorship(co_authors=("A <a@b>", "C <c@d>"))
    ends = "Co-authored-by: A <a@b>\nCo-authored-by: C <c@d>\n"
    assert by.message("Subject\n\nBody.\n") == f"Subject\n\nBody.\n\n{ends}"
    assert by.message("fix: it\n") == f"fix: it\n\n{ends}"
    assert by.message("Subject\n\nTask: 1\n") == f"Subject\n\nTask: 1\n{ends}"


async def test_an_openpgp_key_signs_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from midwatch.workspace.repository import Repository

    folder = Path(tempfile.mkdtemp(prefix="gpg-"))  # the path of the agent's socket must be short
    monkeypatch.setenv("GNUPGHOME", str(folder))
    try:
        command = ["gpg", "--batch", "--quiet", "--passphrase", "", "--quick-generate-key", WHO, "ed25519", "sign"]
        subprocess.run(command, check=True, capture_output=True)
        user = UserRepository.make(tmp_path / "repo", count__txt="zero\n")
        repository = await Repository.open(tmp_path / "state", str(user.path))
        base = await repository.resolve(None)
        by = Authorship(author=WHO, key="ada@example.org", format="openpgp")
        made = await repository.commit(base.tree, base.commit, "Signed\n", "2026-01-01T00:00:00", by)
        subprocess.run(
            ["git", f"--git-dir={repository.git_dir}", "verify-commit", made], check=True, capture_output=True
        )
    finally:
        subprocess.run(["gpgconf", "--kill", "all"], check=False, capture_output=True)
        shutil.rmtree(folder, ignore_errors=True)
