"""The table, by kind of program."""

from ..rows import ROWS
from . import files, languages, proxies, services, stores, talk, terminals, web

__all__ = ["ROWS", "files", "languages", "proxies", "services", "stores", "talk", "terminals",
           "web"]
