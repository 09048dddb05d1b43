"""How the gateway is set, whether all of it works, and which browsers are signed in."""

from collections.abc import Mapping

import msgspec

from quarterdeck.actions.settings import Settings
from quarterdeck.api import shown
from quarterdeck.api.call import Call, Nothing
from quarterdeck.api.doors import Doors
from quarterdeck.base.config_shown import Section, Setting, text


class SecretNamed(msgspec.Struct, frozen=True):
    """A reference to a secret, never the secret; `missing` says why it does not resolve, empty when it does."""

    place: str
    reference: str
    missing: str


class ShownSetting(msgspec.Struct, frozen=True):
    """A setting in force. `origin` is file, default, environment, or the name of a variable."""

    path: str
    value: str
    origin: str
    needs_restart: bool
    secrets: list[SecretNamed]


class ShownSection(msgspec.Struct, frozen=True):
    """Settings that stand in one table of the file."""

    name: str
    settings: list[ShownSetting]


class Configuration(msgspec.Struct, frozen=True):
    """The configuration in force; it is changed in its file. `waiting` are paths that a restart puts in force."""

    file: str
    digest: str
    waiting: list[str]
    sections: list[ShownSection]


class Check(msgspec.Struct, frozen=True):
    """One check; `state` is OK, WARN or FAIL, and `fix` empty when all is well."""

    id: str
    state: str
    detail: str
    fix: str


class Browser(msgspec.Struct, frozen=True):
    """A browser that is signed in."""

    id: str
    state: str
    created_at: shown.Moment
    expires_at: shown.Moment


class SettingsDoor:
    """Looks, and signs browsers out."""

    def __init__(self, doors: Doors) -> None:
        self._settings = Settings(doors.configuration, doors.secrets)
        self._doctor = doors.doctor
        self._signin = doors.signin

    async def get_configuration(self, call: Call, ask: Nothing) -> Configuration:
        """GET /api/v1/configuration."""
        found = await self._settings.effective()
        return Configuration(
            found.file, found.digest, list(found.waiting), [_section(one, found.missing) for one in found.sections]
        )

    async def list_checks(self, call: Call, ask: Nothing) -> shown.Page[Check]:
        """GET /api/v1/doctor."""
        found = [Check(one.name, one.state, one.detail, one.fix) async for one in self._doctor.checks(running=True)]
        return shown.Page(found)

    async def list_browsers(self, call: Call, ask: Nothing) -> shown.Page[Browser]:
        """GET /api/v1/browsers."""
        return shown.Page(
            [
                Browser(one.id, "signed_in", shown.moment(one.created_at), shown.moment(one.expires_at))
                for one in await self._signin.browsers()
            ]
        )

    async def end_browser(self, call: Call, ask: Nothing) -> None:
        """DELETE /api/v1/browsers/{id}."""
        await self._signin.end_browser(call.path("id"), call.principal.actor)


def _section(section: Section, missing: Mapping[str, str]) -> ShownSection:
    return ShownSection(section.name, [_setting(one, missing) for one in section.settings])


def _setting(one: Setting, missing: Mapping[str, str]) -> ShownSetting:
    secrets = [SecretNamed(place, text(ref), missing.get(place, "")) for place, ref in one.secrets]
    return ShownSetting(one.path, one.value, one.origin, one.restart, secrets)
