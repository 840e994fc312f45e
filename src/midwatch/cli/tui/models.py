"""The models that a person may want to choose from."""

from __future__ import annotations

from midwatch import wiring

_LOOKED_AT = 100
"""Tasks whose models are offered again."""


async def known_models(home: wiring.Home) -> list[tuple[str, str]]:
    """Names, and where each is from: the settings, what was used before, `repair`. Any other may be typed. Raises
    InputError for what is wrong in the settings, StoreError where the state folder cannot be read."""
    models = home.settings.models
    found = {models.model: "your default", models.fallback: "your fall-back"}
    for name in models.prices:
        found.setdefault(name, "has a price in your settings")
    for row in await home.store.recent(_LOOKED_AT):
        found.setdefault(row.task.model, "used before")
    found.setdefault(wiring.DEFAULT_MODEL, "embedded; no language model")
    return [(name, fact) for name, fact in found.items() if name and not name.startswith("replay/")]
