"""Fixtures of the fault suite: the databases that the faults befall."""

from tests.databases import database, postgresql_reader

__all__ = ["database", "postgresql_reader"]
