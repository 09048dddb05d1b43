"""Quarterdeck: a self-hosted platform for AI assistants, run like any other production backend."""

__version__ = "0.1.0"
