"""The way out of a box: a proxy outside, reached through a socket that the box's server handed over."""

from __future__ import annotations

from pathlib import Path

import pytest

from midwatch.sandbox.bubblewrap import Bubblewrap
from midwatch.sandbox.network import Decision, HostRule, InjectedHeader, Network
from tests.sandbox.boxes import Bench, opened

pytest.importorskip("midwatch.sandbox.egress.serve")

FETCH = """
import sys, urllib.request, urllib.error
try:
    print(urllib.request.urlopen(sys.argv[1], timeout=20).status)
except urllib.error.HTTPError as error:
    print(error.code, error.read().decode())
"""
RULES = (HostRule("registry.test"),)


async def refusal(bench: Bench) -> str:
    return await bench.python(FETCH, "http://elsewhere.test/secret?token=1")


async def test_what_is_not_allowed_is_refused_in_words_and_told(tmp_path: Path) -> None:
    decisions: list[Decision] = []
    async with opened(Bubblewrap(), tmp_path, network=Network(RULES, decided=decisions.append)) as bench:
        said = await refusal(bench)
        assert said.startswith("403")
        assert "elsewhere.test" in said
        _, addresses = await bench.run("cat", "/proc/net/route")
        assert len(addresses.splitlines()) <= 1
    assert [(decision.host, decision.allowed) for decision in decisions] == [("elsewhere.test", False)]


async def test_a_box_that_is_opened_again_has_a_proxy_again(tmp_path: Path) -> None:
    async with opened(Bubblewrap(), tmp_path, network=Network(RULES)) as bench:
        for _ in range(3):
            assert (await refusal(bench)).startswith("403")
            await bench.box.park()


async def test_the_authorities_to_trust_are_shown_read_only_and_no_secret(tmp_path: Path) -> None:
    secret = InjectedHeader("registry.test", "Authorization", "Bearer planted-27182818")
    async with opened(Bubblewrap(), tmp_path, network=Network(RULES, (secret,))) as bench:
        script = (
            'head -n 1 "$SSL_CERT_FILE"; touch "$SSL_CERT_FILE" || echo kept; env; grep -r planted /run /tmp ~ /etc'
        )
        _, said = await bench.run("sh", "-c", script)
        assert "CERTIFICATE" in said
        assert "kept" in said
        assert "planted" not in said


async def test_without_a_list_nothing_listens_and_no_variable_says_so(tmp_path: Path) -> None:
    async with opened(Bubblewrap(), tmp_path) as bench:
        code = "import os, socket; print(socket.socket().connect_ex(('127.0.0.1', 3128)), 'HTTP_PROXY' in os.environ)"
        assert await bench.python(code) == "111 False\n"
