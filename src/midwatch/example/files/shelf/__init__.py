"""The desk of a small lending library."""

from shelf.catalogue import Catalogue, Item
from shelf.desk import Desk, Refused
from shelf.members import Member

__all__ = ["Catalogue", "Desk", "Item", "Member", "Refused"]
