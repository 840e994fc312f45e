"""What holds for all tests: a sandbox that this machine lacks is named at the end of the run, not passed over."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

import pytest

from tests.support import postgresql
from tests.support.drivers import ALL, CANNOT
from tests.support.slow_drivers import pytest_collection_modifyitems as pytest_collection_modifyitems


@pytest.fixture(scope="session")
def postgresql_server() -> Iterator[postgresql.Server]:
    """One for each process of the tests, started when the first test asks for it."""
    with postgresql.server() as made:
        yield made


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """One line for each driver whose tests were left out."""
    reasons: Counter[str] = Counter()
    for report in terminalreporter.stats.get("skipped", []):
        reason = report.longrepr[2].removeprefix("Skipped: ") if isinstance(report.longrepr, tuple) else ""
        if CANNOT in reason:
            reasons[reason] += 1
    for reason, count in sorted(reasons.items()):
        terminalreporter.write_line(f"NOT TESTED ({count} tests; {ALL}=1 makes that a failure): {reason}")
