"""The model that needs no key and no network, and is no language model: it searches for a small edit that passes."""
