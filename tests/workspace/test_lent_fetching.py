"""A private repository of a connection, with a private submodule and LFS: fetched with a token that stays nowhere."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from midwatch.domain.errors import InputError, OperationError
from midwatch.workspace import lfs, submodules
from midwatch.workspace.lent import Lend, Lender, environment
from midwatch.workspace.repository import Repository
from tests.support.git_servers import https_server, put_lfs_object
from tests.support.repositories import UserRepository, git

TOKEN = "planted-token-41"
PICTURE = b"\x89picture " * 100


def lender(web: str, token: str) -> tuple[Lend, list[str]]:
    asked: list[str] = []

    async def lend(location: str) -> Mapping[str, str]:
        asked.append(location)
        return environment(web, "x-access-token", token)

    return lend, asked


def both(lend: Lend) -> Lender:
    """The same for whatever a repository names."""

    async def lend_inside(location: str, named: Sequence[str]) -> Mapping[str, str]:
        return await lend(location)

    return Lender(lend, lend_inside)


async def test_all_of_it_comes_with_the_token_of_the_connection_and_none_of_it_keeps_the_token(
    user: UserRepository, tmp_path: Path, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    library = UserRepository.make(tmp_path / "library", lib__txt="one\n")
    user.git("-c", "protocol.file.allow=always", "submodule", "--quiet", "add", str(library.path), "lib")
    user.write(".gitmodules", '[submodule "lib"]\n\tpath = lib\n\turl = ../library\n')
    user.write(".gitattributes", "*.png filter=lfs diff=lfs merge=lfs -text\n")
    user.write("p.png", put_lfs_object(user.path / ".git/elsewhere", PICTURE))
    user.commit("with a library and a picture")
    git(tmp_path, "clone", "-q", "--bare", str(user.path), "bare.git")
    git(tmp_path, "config", "--global", "credential.helper", f"store --file={home}/passwords")
    with https_server(tmp_path, tmp_path, ("x-access-token", TOKEN)) as server:
        monkeypatch.setenv("GIT_SSL_CAINFO", str(server.certificate))
        server_oid = next((user.path / ".git/elsewhere/lfs/objects").rglob("*/*/*")).name
        file = server.object_file("bare.git", server_oid)
        file.parent.mkdir(parents=True)
        file.write_bytes(PICTURE)
        web, state = f"https://localhost:{server.port}", tmp_path / "state"
        wrong, _ = lender(web, "wrong-token-41")
        with pytest.raises(OperationError) as refused:
            await Repository.open(state, server.url("bare.git"), lend=both(wrong))
        assert "admin forges check" in refused.value.mend
        assert "wrong-token-41" not in f"{refused.value}{refused.value.detail}"

        lend, asked = lender(web, TOKEN)
        repository = await Repository.open(state, server.url("bare.git"), lend=both(lend))
        commit = (await repository.resolve(None)).commit
        (picture,) = await lfs.gather(repository, commit)
        (module,) = await submodules.gather(repository, commit, state)
        assert picture.file.read_bytes() == PICTURE
        assert module.repository.location == server.url("library")
        assert set(asked) == {server.url("bare.git"), server.url("library")}
        assert not (home / "passwords").exists(), "the person's own helper was told"
        kept = [path for path in tmp_path.rglob("*") if path.is_file() and path.is_relative_to(state)]
        assert len(kept) > 10
        assert [path for path in kept if b"token-41" in path.read_bytes()] == []


async def test_a_submodule_that_the_connection_has_no_token_for_comes_without_or_says_why(
    user: UserRepository, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    library = UserRepository.make(tmp_path / "library", lib__txt="one\n")
    user.git("-c", "protocol.file.allow=always", "submodule", "--quiet", "add", str(library.path), "lib")
    user.write(".gitmodules", '[submodule "lib"]\n\tpath = lib\n\turl = ../library\n')
    user.commit("with a library")
    git(tmp_path, "clone", "-q", "--bare", str(user.path), "bare.git")
    with https_server(tmp_path, tmp_path) as server:
        monkeypatch.setenv("GIT_SSL_CAINFO", str(server.certificate))

        async def lend(location: str) -> Mapping[str, str]:
            if location == server.url("bare.git"):
                return {}
            raise InputError("the App is not installed on it", "install it there")

        repository = await Repository.open(tmp_path / "state", server.url("bare.git"), lend=both(lend))
        commit = (await repository.resolve(None)).commit
        (module,) = await submodules.gather(repository, commit, tmp_path / "state")
        assert module.repository.location == server.url("library")
        library.path.rename(tmp_path / "hidden")
        for state in (tmp_path / "new", tmp_path / "state"):  # also where a store has it from before
            outer = await Repository.open(state, repository.location, lend=both(lend))
            with pytest.raises(InputError, match="the App is not installed"):
                await submodules.gather(outer, commit, state)


async def test_a_repository_is_asked_for_each_submodule_that_it_names_and_says_what_its_recipe_says(
    user: UserRepository, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    inner, library = UserRepository.make(tmp_path / "inner", i__txt="i\n"), UserRepository.make(tmp_path / "library")
    for outer, part in ((library, inner), (user, library)):
        name = part.path.name
        outer.git("-c", "protocol.file.allow=always", "submodule", "--quiet", "add", str(part.path), name)
        outer.write(".gitmodules", f'[submodule "{name}"]\n\tpath = {name}\n\turl = ../{name}\n')
        outer.commit(f"with {name}")
    git(tmp_path, "clone", "-q", "--bare", str(user.path), "bare.git")
    with https_server(tmp_path, tmp_path, ("x-access-token", TOKEN)) as server:
        monkeypatch.setenv("GIT_SSL_CAINFO", str(server.certificate))
        web, asked = f"https://localhost:{server.port}", set[tuple[str, Sequence[str]]]()

        async def lend_inside(location: str, named: Sequence[str]) -> Mapping[str, str]:
            asked.add((location, named))
            if location not in named:
                raise InputError(f"{location} is not named", "name it")
            return environment(web, "x-access-token", TOKEN)

        lend, _ = lender(web, TOKEN)
        whole = await Repository.open(tmp_path / "state", server.url("bare.git"), lend=Lender(lend, lend_inside))
        commit = (await whole.resolve(None)).commit
        names = (server.url("library"), server.url("inner"))
        with pytest.raises(InputError, match="inner is not named"):
            await submodules.gather(whole, commit, tmp_path / "state", names[:1])
        found = await submodules.gather(whole, commit, tmp_path / "state", names)
        assert [one.path for one in found] == ["library", "library/inner"]
        assert asked == {(name, given) for name in names for given in (names[:1], names)}
