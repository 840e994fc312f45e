from __future__ import annotations

import pytest

from midwatch.domain.errors import InputError
from midwatch.sandbox.egress.addresses import is_public
from midwatch.sandbox.egress.presets import PRESETS
from midwatch.sandbox.egress.refusal import Refused
from midwatch.sandbox.egress.rules import matching, rules
from midwatch.sandbox.network import HostRule


def test_entries_are_read_as_people_write_them() -> None:
    assert rules(["pypi.org"]) == (HostRule("pypi.org"),)
    assert rules([" PyPI.org. "]) == (HostRule("pypi.org"),)
    assert rules(["*.pythonhosted.org:443"]) == (HostRule("*.pythonhosted.org"),)
    assert rules(["registry.example.com:8443 read-only"]) == (HostRule("registry.example.com", (8443,), "read-only"),)
    assert rules(["deb.example:443,80  read-only"]) == (HostRule("deb.example", (80, 443), "read-only"),)
    assert rules(["a.example all", "a.example"]) == (HostRule("a.example"),)
    assert rules([]) == ()


def test_every_preset_is_read_only_and_can_be_read() -> None:
    for name in PRESETS:
        found = rules([f"preset:{name}"])
        assert found
        assert all(rule.methods == "read-only" and not rule.host.startswith("*") for rule in found)


@pytest.mark.parametrize(
    ("entry", "word"),
    [
        ("", "no host"), ("*", "star"), ("*.com", "too much"), ("a.*.example", "star"), ("http://pypi.org", "a page"),
        ("pypi.org/simple", "a page"), ("127.0.0.1", "address"), ("[::1]:443", "address"), ("0x7f.1:80", "address"),
        ("a..example", "no host"), ("bücher.example", "ASCII"), ("user@a.example", "no host"),
        ("a.example:0", "port"), ("a.example:", "port"), ("a.example:99999", "port"), ("a.example:x", "port"),
        ("a.example:443:1", "port"), ("a.example readonly", "which methods"), ("a.example GET", "which methods"),
        ("python", "`preset:python`"), ("preset:pyhton", "did you mean preset:python"), ("preset:", "there are"),
    ],
)  # fmt: skip
def test_an_entry_that_is_wrong_is_refused_with_its_mend(entry: str, word: str) -> None:
    with pytest.raises(InputError) as caught:
        rules(["pypi.org", entry])
    assert caught.value.mend
    assert word.lower() in f"{caught.value.message} {caught.value.mend}".lower()


def test_rules_are_found_by_name_and_port() -> None:
    listed = rules(["a.example", "*.b.example:8443", "a.example:80 read-only"])
    assert matching(listed, "a.example", 443) == (listed[0],)
    assert matching(listed, "a.example", 80) == (listed[2],)
    assert matching(listed, "x.y.b.example", 8443) == (listed[1],)
    with pytest.raises(Refused, match=r"port 22 of a.example is not allowed, only 80, 443"):
        matching(listed, "a.example", 22)
    for other in ("b.example", "xb.example", "example", "a.example.evil.example"):
        with pytest.raises(Refused, match="not in the allowed hosts"):
            matching(listed, other, 443)
    with pytest.raises(Refused, match="no host is allowed"):
        matching((), "a.example", 443)


@pytest.mark.parametrize(
    "address",
    [
        "0.0.0.0", "0.1.2.3", "10.0.0.1", "100.64.0.1", "127.0.0.1", "127.255.255.254", "169.254.169.254", "172.16.0.1",
        "172.31.255.255", "192.0.0.8", "192.0.2.1", "192.88.99.1", "192.168.1.1", "198.18.0.1", "198.51.100.1",
        "203.0.113.9", "224.0.0.1", "239.255.255.250", "240.0.0.1", "255.255.255.255", "168.63.129.16",
        "::", "::1", "::7f00:1", "::ffff:127.0.0.1", "::ffff:8.8.8.8", "64:ff9b::7f00:1", "64:ff9b::a9fe:a9fe",
        "64:ff9b:1::1", "100::1", "2001::1", "2001:0:4136:e378:8000:63bf:3fff:fdd2", "2001:db8::1", "2002:7f00:1::",
        "2002:808:808::1", "3fff::1", "5f00::1", "fc00::1", "fd00:ec2::254", "fe80::1", "fe80::1%eth0", "fec0::1",
        "ff02::1",
        "2606:4700::1%1", "", "localhost", "127.1", "0x7f.0.0.1", "1.2.3.4 ", "08.8.8.8",
    ],
)  # fmt: skip
def test_addresses_that_are_not_of_the_public_internet_are_refused(address: str) -> None:
    assert not is_public(address)


@pytest.mark.parametrize("address", ["8.8.8.8", "151.101.0.223", "172.32.0.1", "2606:4700::6810:1", "64:ff9b::808:808"])
def test_public_addresses_pass(address: str) -> None:
    assert is_public(address)
