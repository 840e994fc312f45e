"""The values of secrets that a recipe names: found on the host when a box is opened, and kept nowhere."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType

from midwatch.domain.errors import InputError
from midwatch.domain.task import NeededSecret
from midwatch.sandbox.network import InjectedHeader
from midwatch.workspace.config import EnvironmentSettings

LONGEST = 8192
"""Bytes of a secret; longer headers are refused by servers."""


_NONE: Mapping[str, str] = MappingProxyType({})


def headers(
    needed: Sequence[NeededSecret],
    settings: EnvironmentSettings,
    environ: Mapping[str, str],
    given: Mapping[str, str] = _NONE,
) -> tuple[InjectedHeader, ...]:
    """The headers that the proxy adds. `given` are secrets that a server keeps for the repository; they come before
    what settings and environment have. Raises InputError that names the secret that is missing, cannot be read, or may
    not be sent to the host that the recipe names. Reads small files."""
    values = [(one, _value(one, settings, environ, given)) for one in needed]
    return tuple(InjectedHeader(one.host, one.header, one.format.replace("{}", value)) for one, value in values)


def source(secret: NeededSecret, settings: EnvironmentSettings, environ: Mapping[str, str]) -> str:
    """Where the value comes from, in words; empty when it is missing. Never the value."""
    try:
        _value(secret, settings, environ, _NONE)
    except InputError:
        return ""
    own = settings.secrets.get(secret.name)
    if own is None:
        return f"the variable {_variable(secret.name)}"
    return f"the variable {own.env}" if own.env else f"the file {own.file}"


def _value(
    secret: NeededSecret, settings: EnvironmentSettings, environ: Mapping[str, str], given: Mapping[str, str]
) -> str:
    own = settings.secrets.get(secret.name)
    where = f"the secret {secret.name}, which the recipe sends to {secret.host},"
    if secret.name in given:
        value, mend = given[secret.name], "give it anew"
    elif own is None:
        value = environ.get(_variable(secret.name), "")
        mend = (
            f"set {_variable(secret.name)}, or say where it is in [environments.secrets.{secret.name}] of the settings"
        )
    else:
        if own.hosts and secret.host not in own.hosts:
            raise InputError(
                f"{where} may only be sent to {', '.join(own.hosts)}",
                f"if that is right, add {secret.host} to `hosts` of [environments.secrets.{secret.name}]",
            )
        value, mend = _own_value(secret.name, own.env, own.file, environ)
    value = value.rstrip("\r\n")
    if not value:
        raise InputError(f"{where} is missing", mend)
    if len(value) > LONGEST or not value.isascii() or not value.isprintable():
        raise InputError(f"{where} cannot stand in a header: it is too long, or not one line of plain characters", mend)
    return value


def _own_value(name: str, env: str, file: str, environ: Mapping[str, str]) -> tuple[str, str]:
    table = f"[environments.secrets.{name}]"
    if bool(env) == bool(file):
        raise InputError(f"{table} must have one of `env` and `file`", f'write it like this: {table}\nenv = "{name}"')
    if env:
        return environ.get(env, ""), f"set {env}"
    path = Path(environ.get("HOME", "/"), file[2:]) if file.startswith("~/") else Path(file)
    try:
        with path.open("rb") as stream:
            return stream.read(LONGEST + 2).decode("utf-8", "replace"), f"put it into {path}"
    except OSError as error:
        raise InputError(
            f"{path}, which holds the secret {name}, cannot be read: {error.strerror}", "mend it"
        ) from None


def _variable(name: str) -> str:
    return f"MIDWATCH_SECRET_{name}"
