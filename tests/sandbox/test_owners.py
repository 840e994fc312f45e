from __future__ import annotations

from midwatch.sandbox import owners


def test_maps_are_read() -> None:
    assert owners.parse_map("         0          0 4294967295\n") == [(0, 0, 4294967295)]
    assert owners.parse_map("0 1000 1\n1 100000 65536\n") == [(0, 1000, 1), (1, 100000, 65536)]
    assert owners.parse_map("") == []
