"""The tests of this folder run on both databases where they ask for `database`."""

from tests.databases import database, postgresql_url

__all__ = ["database", "postgresql_url"]
