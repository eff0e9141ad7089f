"""The table, by kind of program."""

from ..rows import ROWS
from . import stores, talk, web

__all__ = ["ROWS", "stores", "talk", "web"]
