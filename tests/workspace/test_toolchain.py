"""What of the host a box is given: real layouts of environments, built from folders, links and small files."""

from __future__ import annotations

from pathlib import Path

import pytest

from midwatch.workspace.toolchain import Own, Toolchain, discover

CHECKS = ("python -m pytest -q",)


class Host:
    """A machine in a folder: a home, interpreters, environments."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.home = root / "home"
        self.repository = self.home / "project"
        self.repository.mkdir(parents=True)
        self.own = Own(self.venv("own", self.python("opt/base")), root / "opt/base", (root / "home/state",))
        self.environ = {"HOME": str(self.home), "PATH": ""}

    def python(self, name: str) -> Path:
        """An interpreter with its library; returns its prefix."""
        prefix = self.root / name
        self.program(f"{name}/bin/python3.12", "\x7fELF")
        (prefix / "bin/python3").symlink_to("python3.12")
        (prefix / "bin/python").symlink_to("python3.12")
        (prefix / "lib/python3.12/site-packages").mkdir(parents=True)
        (prefix / "lib/python3.12/os.py").touch()
        return prefix

    def venv(self, name: str, base: Path, *, pytest: bool = False) -> Path:
        """A virtual environment as `python -m venv` makes it; returns its folder."""
        folder = self.root / name
        (folder / "bin").mkdir(parents=True)
        (folder / "pyvenv.cfg").write_text(f"home = {base}/bin\nversion = 3.12.1\n")
        (folder / "bin/python").symlink_to(base / "bin/python3")
        (folder / "bin/python3").symlink_to("python")
        (folder / "lib/python3.12/site-packages").mkdir(parents=True)
        if pytest:
            self.add_pytest(folder)
        return folder

    def add_pytest(self, prefix: Path) -> None:
        package = prefix / "lib/python3.12/site-packages/pytest"
        package.mkdir()
        (package / "__init__.py").touch()

    def program(self, name: str, text: str) -> Path:
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        path.chmod(0o755)
        return path

    def discover(self, *checks: str) -> Toolchain:
        return discover(self.repository, checks or CHECKS, self.environ, self.own)


@pytest.fixture
def host(tmp_path: Path) -> Host:
    return Host(tmp_path.resolve())


def test_the_environment_of_the_repository_comes_with_its_interpreter(host: Host) -> None:
    base = host.python("pythons/3.12")
    venv = host.venv("home/project/.venv", base, pytest=True)
    found = host.discover()
    assert found.read_only == (venv, base)
    assert found.path == (f"{venv}/bin",)
    assert found.variables == (("VIRTUAL_ENV", str(venv)),)
    assert found.notes == (f"python: {venv} (read-only)",)


def test_an_interpreter_that_a_check_names_comes_before_all_others(host: Host) -> None:
    base = host.python("pythons/3.12")
    host.venv("home/project/.venv", base, pytest=True)
    named = host.venv("elsewhere/venv", base, pytest=True)
    assert host.discover(f"{named}/bin/python -m pytest").read_only[0] == named
    assert host.discover(f"A=1 {named}/bin/python3 -m pytest -q && true").path == (f"{named}/bin",)


def test_the_active_environment_is_taken_and_then_the_one_on_path(host: Host) -> None:
    base = host.python("pythons/3.12")
    active, on_path = host.venv("a/venv", base, pytest=True), host.venv("b/venv", base, pytest=True)
    host.environ["PATH"] = f"{on_path}/bin"
    assert host.discover().read_only == (on_path, base)
    host.environ["VIRTUAL_ENV"] = str(active)
    assert host.discover().read_only == (active, base)


def test_midwatchs_own_environment_is_no_active_one_but_the_last_resort_for_its_pytest(host: Host) -> None:
    own = host.own.prefix
    host.environ |= {"VIRTUAL_ENV": str(own), "PATH": f"{own}/bin"}
    assert host.discover().read_only == (host.own.base_prefix,)
    assert "make one in .venv" in host.discover().notes[-1]
    host.add_pytest(own)
    found = host.discover()
    assert found.read_only == (own, host.own.base_prefix)
    assert "Midwatch's own" in found.notes[-1]


def test_a_pyenv_shim_stands_for_a_version_and_is_never_taken_itself(host: Host) -> None:
    host.program("home/.pyenv/shims/python", "#!/usr/bin/env bash\nexec pyenv exec python\n")
    version = host.python("home/.pyenv/versions/3.12.1")
    host.add_pytest(version)
    host.environ["PATH"] = str(host.home / ".pyenv/shims")
    (host.home / ".pyenv/version").write_text("3.12.1\n")
    assert host.discover().read_only == (version,)
    assert host.discover().path == (f"{version}/bin",)
    other = host.python("home/.pyenv/versions/3.13.0")
    host.add_pytest(other)
    host.environ["PYENV_VERSION"] = "3.13.0"
    assert host.discover().read_only == (other,)


@pytest.mark.parametrize("name", ["../../..", "..", ".", "/etc", "3.12.1/../../.."])
def test_a_version_file_of_the_repository_cannot_lead_elsewhere(name: str, host: Host) -> None:
    (host.home / ".pyenv/versions").mkdir(parents=True)
    host.program("home/bin/python", "x")
    (host.repository / ".python-version").write_text(name)
    assert host.discover("python x.py").read_only == (host.own.base_prefix,)


def test_an_interpreter_behind_linked_folders_is_given_under_both_names(host: Host) -> None:
    real = host.python("uv/python/cpython-3.12.1-linux")
    link = host.root / "uv/python/cpython-3.12-linux"
    link.symlink_to(real)
    venv = host.venv("home/project/.venv", link, pytest=True)
    assert host.discover().read_only == (venv, link, real)


def test_an_environment_that_is_a_link_is_given_under_both_names(host: Host) -> None:
    base = host.python("pythons/3.12")
    real = host.venv("venvs/project", base, pytest=True)
    (host.repository / ".venv").symlink_to(real)
    assert host.discover().read_only == (host.repository / ".venv", real, base)


def test_an_environment_on_the_systems_python_needs_nothing_more(host: Host) -> None:
    venv = host.venv("home/project/venv", Path("/usr"), pytest=True)
    assert host.discover().read_only == (venv,)


def test_an_environment_without_the_pytest_that_a_check_wants_is_pointed_out(host: Host) -> None:
    venv = host.venv("home/project/.venv", host.python("pythons/3.12"))
    assert host.discover().notes == (f"python: {venv} (read-only); it has no pytest",)
    assert host.discover("python -m unittest").notes == (f"python: {venv} (read-only)",)


def test_files_that_may_hold_a_credential_are_masked(host: Host) -> None:
    venv = host.venv("home/project/.venv", host.python("pythons/3.12"), pytest=True)
    (venv / "pip.conf").write_text("[global]\nindex-url = https://me:secret@example.org\n")
    assert host.discover().masked == (venv / "pip.conf",)


@pytest.mark.parametrize("name", ["pip.ini", ".env", ".env.local", ".condarc", ".pypirc", ".npmrc", "uv.toml"])
def test_the_active_environment_hides_what_people_keep_beside_it(name: str, host: Host) -> None:
    venv = host.venv("venvs/mine", host.python("pythons/3.12"), pytest=True)
    (venv / name).write_text("token = secret")
    host.environ["VIRTUAL_ENV"] = str(venv)
    found = host.discover()
    assert venv in found.read_only
    assert found.masked == (venv / name,)


def test_a_masked_file_is_masked_at_each_of_its_paths_and_never_through_a_link(host: Host) -> None:
    real = host.venv("venvs/project", host.python("pythons/3.12"), pytest=True)
    (host.repository / ".venv").symlink_to(real)
    (real / "lib/token").write_text("secret")
    (real / "pip.conf").symlink_to("lib/token")
    (host.home / "uv.toml").write_text("secret")
    (real / "uv.toml").symlink_to(host.home / "uv.toml")  # leads nowhere in a box
    assert host.discover().masked == (host.repository / ".venv/lib/token", real / "lib/token")


@pytest.mark.parametrize("name", [".local", ".config", ".cache", ".local/share"])
def test_a_program_in_a_folder_of_the_home_that_holds_everything_shares_none_of_it(name: str, host: Host) -> None:
    host.program(f"home/{name}/bin/node", "\x7fELF")
    (host.home / name / "keyrings").mkdir()
    host.environ["PATH"] = str(host.home / name / "bin")
    found = host.discover("npm test")
    assert not any((host.home / name).is_relative_to(folder) for folder in found.read_only)
    assert f"not shared: {host.home / name} (holds more than a toolchain)" in found.notes
    node = host.program(f"home/{name}/node-22/bin/node", "\x7fELF")
    host.environ["PATH"] = str(node.parent)
    assert node.parent.parent in host.discover("npm test").read_only


def test_a_folder_with_any_of_our_own_in_it_is_refused(host: Host) -> None:
    for number, private in enumerate(("state", "settings/midwatch")):
        venv = host.venv(f"venv-{number}", host.python(f"pythons/3.{number}"), pytest=True)
        host.environ["VIRTUAL_ENV"] = str(venv)
        assert venv in host.discover().read_only
        host.own = Own(host.own.prefix, host.own.base_prefix, (host.root / "other", venv / private))
        assert venv not in host.discover().read_only


def test_a_home_folder_is_never_shared_whatever_points_at_it(host: Host) -> None:
    (host.home / "pyvenv.cfg").write_text("home = /usr/bin\n")
    host.program("home/bin/python", "x")
    host.environ["VIRTUAL_ENV"] = str(host.home)
    found = host.discover()
    assert host.home not in found.read_only
    assert any(note.startswith(f"not shared: {host.home} (") for note in found.notes)


@pytest.mark.parametrize("tell", [".ssh", ".aws", ".git", ".netrc", "../home/state"])
def test_a_folder_with_something_private_in_it_is_refused(tell: str, host: Host) -> None:
    folder = host.home.parent / "work"
    host.venv("work", host.python("pythons/3.12"), pytest=True)
    if tell.startswith(".."):
        host.own = Own(host.own.prefix, host.own.base_prefix, (folder / "state",))
    else:
        (folder / tell).mkdir()
    host.environ["VIRTUAL_ENV"] = str(folder)
    assert folder not in host.discover().read_only


def test_a_committed_environment_cannot_name_any_folder_as_its_interpreter(host: Host) -> None:
    secrets = host.root / "secrets"
    host.program("secrets/bin/python3", "x")
    venv = host.venv("home/project/.venv", secrets, pytest=True)
    assert host.discover().read_only == (venv,)


def test_an_absolute_path_in_a_check_of_the_repository_itself_counts_for_nothing(host: Host) -> None:
    named = host.venv("elsewhere/venv", host.python("pythons/3.12"), pytest=True)
    checks = (f"{named}/bin/python -m pytest",)
    assert named in discover(host.repository, checks, host.environ, host.own).read_only
    assert named not in discover(host.repository, checks, host.environ, host.own, from_person=False).read_only


def test_folders_of_other_people_are_passed_over(host: Host) -> None:
    closed = host.root / "closed"
    venv = host.venv("closed/venv", host.python("closed/python"), pytest=True)
    host.environ |= {"VIRTUAL_ENV": str(venv), "PATH": f"{venv}/bin", "RUSTUP_HOME": str(closed / "rustup")}
    closed.chmod(0o000)
    try:
        found = host.discover(f"{venv}/bin/python -m pytest", "cargo test", "go test", "npm test")
    finally:
        closed.chmod(0o755)
    assert found.path[:1] in ((f"{venv}/bin",), (f"{host.own.base_prefix}/bin",))  # root may look everywhere


def test_the_systems_python_is_taken_where_it_is_the_persons_and_has_what_is_needed(host: Host) -> None:
    host.environ["PATH"] = "/usr/bin"
    if (Path("/usr/bin/python3")).exists():
        found = host.discover("python3 -m unittest")
        assert (found.read_only, found.path, found.notes) == ((), (), ("python: the system's",))


def test_an_interpreter_that_does_not_exist_is_pointed_out(host: Host) -> None:
    assert (
        "/nowhere/bin/python: a check names it, but it does not exist" in host.discover("/nowhere/bin/python x").notes
    )
    assert any("write `python` instead" in note for note in host.discover(".venv/bin/python -m pytest").notes)


def test_node_is_shared_only_when_a_check_names_it(host: Host) -> None:
    host.program("home/.nvm/versions/node/v22.1.0/bin/node", "\x7fELF")
    node = host.home / ".nvm/versions/node/v22.1.0"
    host.environ["PATH"] = f"{node}/bin"
    found = host.discover("npm test --silent")
    assert node in found.read_only
    assert f"{node}/bin" in found.path
    assert f"node: {node} (read-only)" in found.notes
    assert node not in host.discover("make test").read_only


def test_volta_leads_to_its_newest_node(host: Host) -> None:
    host.program("home/.volta/bin/volta-shim", "\x7fELF")
    (host.home / ".volta/bin/node").symlink_to("volta-shim")
    for version in ("9.9.0", "22.1.0", "20.0.0"):
        host.program(f"home/.volta/tools/image/node/{version}/bin/node", "\x7fELF")
    host.environ["PATH"] = str(host.home / ".volta/bin")
    assert host.home / ".volta/tools/image/node/22.1.0" in host.discover("npm test").read_only


def test_go_comes_with_its_modules_and_rust_with_its_toolchain_but_no_credentials(host: Host) -> None:
    host.program("sdk/go/bin/go", "\x7fELF")
    host.program("home/.cargo/bin/rustup", "\x7fELF")
    (host.home / ".cargo/bin/cargo").symlink_to("rustup")
    (host.home / ".cargo/credentials.toml").touch()
    host.program("home/.rustup/toolchains/stable-x86_64/bin/cargo", "\x7fELF")
    (host.home / ".rustup/settings.toml").write_text('default_toolchain = "stable-x86_64"\n')
    (host.home / "go/pkg/mod").mkdir(parents=True)
    host.environ["PATH"] = f"{host.root}/sdk/go/bin:{host.home}/.cargo/bin"
    found = host.discover("go test ./...", "cargo test")
    assert {host.root / "sdk/go", host.home / "go/pkg/mod"} <= set(found.read_only)
    assert host.home / ".rustup/toolchains/stable-x86_64" in found.read_only
    assert not any((folder / "credentials.toml").exists() for folder in found.read_only)
    assert ("GOMODCACHE", str(host.home / "go/pkg/mod")) in found.variables
    host.environ["RUSTUP_TOOLCHAIN"] = "nightly"
    assert any("set RUSTUP_TOOLCHAIN" in note for note in host.discover("cargo test").notes)


def test_tools_that_are_not_there_are_pointed_out(host: Host) -> None:
    notes = host.discover("npm test", "go test", "cargo test").notes
    assert {"node: not on your PATH", "go: not on your PATH", "cargo: not on your PATH"} <= set(notes)


def test_nothing_at_all_is_no_error(tmp_path: Path) -> None:
    found = discover(None, (), {}, Own(Path("/usr"), Path("/usr")))
    assert (found.read_only, found.path) == ((), ())
