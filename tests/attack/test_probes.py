"""Every probe with every driver: what gets through is what is meant to, and each probe is known to work."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from midwatch.sandbox.base import Sandbox
from midwatch.sandbox.bubblewrap import Bubblewrap
from tests.attack.catalogue import PROBES, Verdict, expected
from tests.attack.probe import Probe
from tests.attack.running import attack, worker_environment
from tests.attack.scene import scene
from tests.attack.weaker import WEAKENINGS, weaker
from tests.support.drivers import DRIVERS, Driver

ROOT = os.geteuid() == 0
ALL_PROBES = os.environ.get("TEST_ALL_PROBES") == "1"
SOME = {"container": 6, "gvisor": 6, "landlock": 3}
"""Drivers that take one of so many probes, unless TEST_ALL_PROBES=1: together they would take minutes."""
TRIED = [
    pytest.param(driver, probe, id=f"{driver.name}-{probe.id}")
    for driver in DRIVERS
    for number, probe in enumerate(PROBES)
    if expected(probe, driver.name, root=ROOT).verdict is not Verdict.NOT_TRIED
    and (driver.keeps_signals() or not probe.at_large)
    and (ALL_PROBES or number % SOME.get(driver.name, 1) == 0)
]
WEAKENED = [probe for probe in PROBES if probe.weak and (ROOT or not WEAKENINGS[probe.weak].as_root)]


@pytest.mark.parametrize(("driver", "probe"), TRIED)
async def test_a_probe_comes_to_what_is_expected(
    driver: Driver, probe: Probe, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sandbox = driver.required()
    verdict = expected(probe, driver.name, root=ROOT).verdict
    with scene(sandbox.owner) as host:
        for name, value in worker_environment(host).items():
            monkeypatch.setenv(name, value)
        evidence, trial = await attack(probe, sandbox, host, tmp_path)
    if verdict is Verdict.STOPPED:
        assert evidence == "", trial.said
    elif verdict is Verdict.OPEN:
        assert evidence != "", trial.said


@pytest.mark.parametrize("probe", WEAKENED, ids=lambda probe: f"{probe.id}-{probe.weak}")
async def test_a_probe_gets_through_a_bubblewrap_without_what_stops_it(
    probe: Probe, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with scene(Bubblewrap().owner) as host:
        sandbox: Sandbox = weaker(probe.weak, tmp_path, host.folder)
        if WEAKENINGS[probe.weak].as_root:
            monkeypatch.setattr("midwatch.sandbox.bubblewrap.box_owner", lambda box_id: None)
            monkeypatch.setattr("midwatch.sandbox.trial.box_owner", lambda box_id: None)
        evidence, trial = await attack(probe, sandbox, host, tmp_path)
    assert evidence != "", trial.said
