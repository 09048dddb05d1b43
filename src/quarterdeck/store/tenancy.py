"""The tenant column. Every key has it; one installation serves one tenant today."""

from typing import Final

TENANT: Final = "main"
