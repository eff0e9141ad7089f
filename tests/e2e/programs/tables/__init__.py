"""The table, by kind of program."""

from ..rows import ROWS
from . import languages, proxies, stores, talk, web

__all__ = ["ROWS", "languages", "proxies", "stores", "talk", "web"]
