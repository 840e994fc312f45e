"""Hosts by ecosystem, as entries of a recipe. Registries are read-only: clients of a build only read from them."""

from __future__ import annotations

from collections.abc import Mapping

_ECOSYSTEMS: Mapping[str, tuple[str, ...]] = {
    "python": (
        "pypi.org read-only",
        "files.pythonhosted.org read-only",
    ),
    "node": (
        "registry.npmjs.org read-only",
        "registry.yarnpkg.com read-only",
        "nodejs.org read-only",  # headers for native modules
    ),
    "rust": (
        "index.crates.io read-only",
        "static.crates.io read-only",
        "crates.io read-only",
        "static.rust-lang.org read-only",
    ),
    "go": (
        "proxy.golang.org read-only",
        "sum.golang.org read-only",
    ),
    "ruby": (
        "rubygems.org read-only",
        "index.rubygems.org read-only",
    ),
    "java": (
        "repo1.maven.org read-only",
        "repo.maven.apache.org read-only",
        "plugins.gradle.org read-only",
        "plugins-artifacts.gradle.org read-only",
        "services.gradle.org read-only",
        "downloads.gradle.org read-only",
    ),
    "debian": (  # packages are signed, and apt asks by plain HTTP unless told otherwise
        "deb.debian.org:80,443 read-only",
        "security.debian.org:80,443 read-only",
    ),
    "ubuntu": (
        "archive.ubuntu.com:80,443 read-only",
        "security.ubuntu.com:80,443 read-only",
        "ports.ubuntu.com:80,443 read-only",
    ),
    "github": (
        "github.com read-only",
        "codeload.github.com read-only",
        "raw.githubusercontent.com read-only",
        "objects.githubusercontent.com read-only",
        "release-assets.githubusercontent.com read-only",
        "api.github.com read-only",
    ),
}
_NO_REGISTRY = ("github",)
"""What anybody can write to is in no list of registries."""

PRESETS: Mapping[str, tuple[str, ...]] = {
    **_ECOSYSTEMS,
    "common": tuple(
        sorted({host for name, hosts in _ECOSYSTEMS.items() if name not in _NO_REGISTRY for host in hosts})
    ),
}
"""`common` has all registries of packages."""
