"""What a package that brings a channel, a provider, a tool or a hook has to give, and what it is given.

An entry point of the group `quarterdeck.channels`, `quarterdeck.providers`, `quarterdeck.tools` or
`quarterdeck.hooks` names a ChannelPlugin, ProviderPlugin, ToolPlugin or HookPlugin. The entry point's name is what a
configuration says: `channel = "acme"`, `kind = "acme"`, a name in an assistant's `tools`, `plugin = "acme"`.

A plugin is code that runs in this process with all its rights: install what you trust. What it builds is called as
`ports` says, under the same permits as what is built in; `guards` keeps its mistakes to its own turn or connection.
"""

import os
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, TypeVar

import msgspec

from quarterdeck.base.clock import Clock
from quarterdeck.base.secrets import Secret, SecretReader, SecretRef
from quarterdeck.base.supervise import EventLog
from quarterdeck.net.client import Client
from quarterdeck.ports import Channel, Hook, Provider, Tool

API = 1
"""The version of what stands here and in `ports`. It grows when a plugin would have to change."""

S = TypeVar("S", bound=msgspec.Struct)
T = TypeVar("T")


class Kit:
    """What a plugin works with. Nothing of it is the plugin's own: it closes and changes nothing here.

    `client` is the one outgoing HTTP client; `log` writes lines with the plugin's name; no content goes into them.
    """

    def __init__(self, client: Client, secrets: SecretReader, clock: Clock, log: EventLog, folder: Path) -> None:
        self.client = client
        self.clock = clock
        self.log = log
        self._secrets = secrets
        self._folder = folder

    async def secret(self, ref: SecretRef, field: str) -> Secret:
        """The secret behind a reference of the settings; `field` is its path in the configuration, for the error.

        Read it anew before each use that may come much later, so that a replaced one is found. Raises ConfigRefused.
        """
        return await self._secrets.read(ref, field)

    @property
    def folder(self) -> Path:
        """DATA_DIR/plugins/NAME, made at first use, mode 0700: all that the plugin may keep."""
        if not self._folder.is_dir():
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            os.chmod(self._folder, 0o700)
        return self._folder


@dataclass(frozen=True)
class _Plugin(Generic[S, T]):
    """`settings` is the type of the plugin's own table; `api` is the API that it was written for.

    `build(name, settings, kit)` makes one: `name` is the connection's, the provider's, the tool's or the hook's name
    in the configuration. It may raise ConfigRefused, and has 30 s.
    """

    api: int
    settings: type[S]
    build: Callable[[str, S, Kit], Awaitable[T]]


class ChannelPlugin(_Plugin[S, Channel], Generic[S]):
    """A kind of messenger. Its settings are the keys of `[connections.NAME]` that are not every connection's."""


class ProviderPlugin(_Plugin[S, Provider], Generic[S]):
    """A kind of provider. Its settings are the keys of `[providers.NAME]`, without `kind` and `max_retries`.

    Of `base_url`, `api_keys` and the deadlines, those that its type declares are handed over, the others are refused.
    """


class ToolPlugin(_Plugin[S, Tool], Generic[S]):
    """A tool. Its settings are the table `[tools.NAME]`, an empty one where there is none; `spec.name` is NAME."""


class HookPlugin(_Plugin[S, Hook], Generic[S]):
    """A hook. Its settings are the keys of its `[[hooks]]` table that are not every hook's."""
