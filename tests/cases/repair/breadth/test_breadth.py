from breadth import reachable

GRAPH = {"a": ["b", "c"], "b": ["d"], "c": ["d"], "d": ["a"], "e": []}


def test_a_way():
    assert reachable(GRAPH, "a", "d")


def test_no_way():
    assert not reachable(GRAPH, "a", "e")


def test_already_there():
    assert reachable(GRAPH, "e", "e")
