"""The tests of this folder run on both databases where they ask for `database`."""

from tests.databases import database, postgresql_reader

__all__ = ["database", "postgresql_reader"]
