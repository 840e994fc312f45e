"""What must hold of the suite itself."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from tests.attack.catalogue import OTHERWISE, PROBES, Verdict, expected
from tests.attack.probe import INSIDE, Bare, Probe
from tests.attack.table import DRIVERS, GROUPS, page
from tests.attack.weaker import WEAKENINGS
from tests.support import drivers

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize("probe", PROBES, ids=lambda probe: probe.id)
def test_a_probe_is_known_to_work(probe: Probe) -> None:
    assert probe.bare in (Bare.OPEN, Bare.AS_ROOT) or probe.weak or probe.inside or probe.open, "it has no control"
    assert not probe.inside or "CONTROL" in probe.code or "control(" in probe.code
    assert not probe.weak or probe.weak in WEAKENINGS
    assert probe.group in GROUPS
    ast.parse(INSIDE + probe.code)


def test_there_are_enough_probes_and_their_names_differ() -> None:
    assert len(PROBES) >= 100
    assert len({probe.name for probe in PROBES}) == len({probe.id for probe in PROBES}) == len(PROBES)


def test_nothing_is_open_in_bubblewrap_but_what_harms_nobody() -> None:
    """Each new one must be argued for here."""
    found = {probe.name for probe in PROBES if expected(probe, "bubblewrap", root=True).verdict is not Verdict.STOPPED}
    assert found == {"secrets: paths of the host", "files: setuid programs", "files: closing the workspace"}


def test_no_sandbox_lets_evidence_be_forged() -> None:
    """A pull request says that its checks have passed, whatever the sandbox."""
    forging = [probe for probe in PROBES if probe.group in ("evidence", "later")]
    verdicts = {
        (driver, probe.name): expected(probe, driver, root=True).verdict for driver in DRIVERS for probe in forging
    }
    assert {key for key, verdict in verdicts.items() if verdict is not Verdict.STOPPED} == set()


def test_at_least_ten_protections_are_taken_away_one_by_one_and_a_probe_shows_each() -> None:
    assert len(WEAKENINGS) >= 10
    assert {probe.weak for probe in PROBES if probe.weak} == set(WEAKENINGS)


def test_every_driver_has_its_column_and_differences_are_of_drivers_and_probes_that_exist() -> None:
    assert {driver.name for driver in drivers.EVERY} == {*DRIVERS, "process"}
    assert set(OTHERWISE) <= set(DRIVERS) - {"bubblewrap"}
    known = {probe.name for probe in PROBES}
    assert [name for table in OTHERWISE.values() for name in table if name not in known] == []
    assert all(found.why for table in OTHERWISE.values() for found in table.values())


def test_the_page_is_up_to_date() -> None:
    assert (ROOT / "docs" / "attacks.md").read_text(encoding="utf-8") == page(), "run scripts/bench attacks --write"
