"""Allowlists: entries as people write them, and which of them a request meets."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Sequence

from midwatch.domain.errors import InputError
from midwatch.sandbox.egress.names import host_name
from midwatch.sandbox.egress.presets import PRESETS
from midwatch.sandbox.egress.refusal import Refused, allowed_words
from midwatch.sandbox.network import HostRule, InjectedHeader

READ_METHODS = ("GET", "HEAD", "OPTIONS")
_FORM = "write a name such as `pypi.org`, `*.pythonhosted.org:443` or `registry.example.com:8443 read-only`"
_PRESET = "preset:"


def rules(entries: Sequence[str]) -> tuple[HostRule, ...]:
    """The rules of a list of entries, each a host (`parse_host`) or `preset:NAME`; the same rule once. Raises
    InputError that says how to mend the entry."""
    found: dict[HostRule, None] = {}
    for entry in entries:
        text = entry.strip()
        if text.startswith(_PRESET):
            found.update(dict.fromkeys(preset(text.removeprefix(_PRESET))))
        else:
            found[parse_host(text)] = None
    return tuple(found)


def preset(name: str) -> tuple[HostRule, ...]:
    """The rules of a preset. Raises InputError for a name that there is not."""
    if name not in PRESETS:
        close = difflib.get_close_matches(name, PRESETS, 1)
        hint = f"did you mean preset:{close[0]}? " if close else ""
        raise InputError(f"there is no preset {name!r} of hosts", f"{hint}There are: {', '.join(sorted(PRESETS))}")
    return tuple(parse_host(entry) for entry in PRESETS[name])


def parse_host(text: str) -> HostRule:
    """One entry: a name or `*.name`, then `:port` or `:port,port` (443 when left out), then `read-only` or `all` (the
    default). Raises InputError."""
    where, _, methods = text.strip().partition(" ")
    methods = methods.strip() or "all"
    if methods not in ("all", "read-only"):
        raise InputError(
            f"{text!r} does not say which methods are allowed", "after the host stands `read-only` or nothing"
        )
    if "://" in where or "/" in where:
        raise InputError(f"{text!r} is an address of a page, not of a host", _FORM)
    if where in PRESETS:
        raise InputError(f"{where!r} is the name of a preset, not of a host", f"write `preset:{where}`")
    name, colon, ports = where.partition(":")
    return HostRule(_pattern(name, text), _ports(ports, text) if colon else (443,), methods)


def _pattern(name: str, text: str) -> str:
    below = name.startswith("*.")
    bare = name[2:] if below else name
    if "*" in bare:
        raise InputError(
            f"{text!r} has a star where none can stand", "a star stands at the front only: `*.example.com`"
        )
    try:
        plain = host_name(bare)
    except Refused as error:
        raise InputError(f"{text!r} is no host: {error.reason}", _FORM) from None
    if below and "." not in plain:
        raise InputError(f"{text!r} would allow too much", "name at least two labels after the star: `*.example.com`")
    return f"*.{plain}" if below else plain


def _ports(text: str, entry: str) -> tuple[int, ...]:
    pieces = text.split(",")
    if not all(re.fullmatch("[1-9][0-9]{0,4}", piece) and int(piece) < 65536 for piece in pieces):
        raise InputError(f"{entry!r} has a port that is no number from 1 to 65535", _FORM)
    return tuple(sorted({int(piece) for piece in pieces}))


def names_host(rule: HostRule, host: str) -> bool:
    """Whether the rule is for this name, as `host_name` spells it."""
    if rule.host.startswith("*."):
        return host.endswith(rule.host[1:]) and len(host) > len(rule.host) - 1
    return host == rule.host


def matching(listed: Iterable[HostRule], host: str, port: int) -> tuple[HostRule, ...]:
    """The rules for a host and a port. Raises Refused, in words, when there is none."""
    all_rules = tuple(listed)
    for_host = [rule for rule in all_rules if names_host(rule, host)]
    if not for_host:
        raise Refused(f"the host {host} is not in the allowed hosts: {allowed_words(all_rules)}")
    for_port = tuple(rule for rule in for_host if port in rule.ports)
    if not for_port:
        ports = sorted({number for rule in for_host for number in rule.ports})
        raise Refused(f"port {port} of {host} is not allowed, only {', '.join(map(str, ports))}")
    return for_port


def looked_into(found: Sequence[HostRule], headers: Sequence[InjectedHeader], host: str) -> bool:
    """Whether TLS to this host is intercepted: a header is added, or no rule allows every method."""
    return any(header.host == host for header in headers) or all(rule.methods == "read-only" for rule in found)


def may_intercept(listed: Sequence[HostRule], headers: Sequence[InjectedHeader]) -> bool:
    """Whether any host of the list may be intercepted, so that the box needs to trust an authority of its own."""
    return bool(headers) or any(rule.methods == "read-only" and set(rule.ports) != {80} for rule in listed)


def permit(found: Sequence[HostRule], method: str, target: str) -> HostRule:
    """The rule that allows a request; `target` is its path and query. Raises Refused, in words."""
    for rule in sorted(found, key=lambda one: one.methods != "all"):
        if rule.methods == "all" or (method in READ_METHODS and not _asks_to_push(target)) or _fetches(method, target):
            return rule
    host = found[0].host
    if _asks_to_push(target):
        raise Refused(f"{host} is allowed read-only: git can fetch from it, not push to it")
    raise Refused(f"{host} is allowed read-only: {', '.join(READ_METHODS)}; {method} is not", 403)


def _fetches(method: str, target: str) -> bool:
    """Git asks for what it wants to fetch by POST, which changes nothing on the server."""
    return method == "POST" and target.partition("?")[0].endswith("/git-upload-pack")


def _asks_to_push(target: str) -> bool:
    return "git-receive-pack" in target
