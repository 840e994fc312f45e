"""What the library owns."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Item:
    """One thing on the shelf. `kind` is "book" or "film"."""

    code: str
    title: str
    kind: str = "book"


class Catalogue:
    """Items by their code."""

    def __init__(self, items=()):
        self._items = {}
        for item in items:
            self.add(item)

    def add(self, item):
        """Take an item in; a code is given once only."""
        if item.code in self._items:
            raise ValueError(f"code {item.code} is taken by {self._items[item.code].title!r}")
        self._items[item.code] = item

    def __len__(self):
        return len(self._items)

    def __getitem__(self, code):
        return self._items[code]

    def search(self, words):
        """Items whose title has all the words, in order of title."""
        wanted = words.casefold().split()
        hits = [item for item in self._items.values() if all(word in item.title.casefold() for word in wanted)]
        return sorted(hits, key=lambda item: item.title)
