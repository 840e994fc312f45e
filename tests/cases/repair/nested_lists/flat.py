"""Lists in lists."""


def flatten(things):
    """All that is in a list and in the lists in it, one after the other."""
    for thing in things:
        if isinstance(thing, list):
            for inner in flatten(thing):
                yield inner
        else:
            yield flatten(thing)


def depth(things):
    """How deep the deepest list lies."""
    if not isinstance(things, list):
        return 0
    return 1 + max([depth(thing) for thing in things] or [0])
