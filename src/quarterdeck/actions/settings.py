"""What is this gateway set to, and does each secret that it names exist? Looks; the file says how it is changed."""

import asyncio
from collections.abc import Mapping, Sequence

import msgspec

from quarterdeck.actions.configuration import Configuration
from quarterdeck.base.config_shown import Section, sections
from quarterdeck.base.errors import ConfigRefused
from quarterdeck.base.secrets import SecretReader, SecretRef


class Effective(msgspec.Struct, frozen=True):
    """What is in force. `file` is empty where there is none; `waiting` are paths that a restart puts in force.

    `missing` has the places of the references that do not resolve, with the reason of each.
    """

    file: str
    digest: str
    sections: Sequence[Section]
    waiting: Sequence[str]
    missing: Mapping[str, str]


class Settings:
    """Looks at the configuration in force. Secrets are read as the gateway reads them, and never shown."""

    def __init__(self, configuration: Configuration, secrets: SecretReader) -> None:
        self._configuration = configuration
        self._secrets = secrets

    async def effective(self) -> Effective:
        """All settings; a reference to a command runs it (see base.secrets for its deadline)."""
        loaded = self._configuration.loaded
        found = sections(loaded)
        missing: dict[str, str] = {}
        async with asyncio.TaskGroup() as group:  # as many as the file names
            for setting in (one for section in found for one in section.settings):
                for place, ref in setting.secrets:
                    group.create_task(self._look(place, ref, missing))
        return Effective(str(loaded.path or ""), loaded.digest, found, self._configuration.waiting, missing)

    async def _look(self, place: str, ref: SecretRef, missing: dict[str, str]) -> None:
        try:
            await self._secrets.read(ref, place)
        except ConfigRefused as refused:
            missing[place] = f"{refused.reason}. {refused.fix}."
