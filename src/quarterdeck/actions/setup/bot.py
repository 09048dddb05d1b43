"""A Telegram bot while a gateway runs: from its token to a connection in the file, and to the first person let in."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from contextlib import ExitStack
from pathlib import Path

import msgspec

from quarterdeck.actions.configuration import Configuration
from quarterdeck.actions.invitations import Inviting
from quarterdeck.actions.setup import draft
from quarterdeck.actions.setup.draft import Read
from quarterdeck.actions.setup.service import web_address
from quarterdeck.actions.setup.text import line
from quarterdeck.actions.setup.trouble import Trouble, Troubled
from quarterdeck.base.clock import Clock, SystemClock
from quarterdeck.base.errors import BadInput, ConfigRefused, Conflict, NotFound
from quarterdeck.base.secrets import SecretReader, SecretRef
from quarterdeck.base.settings import Config, ConnectionConfig
from quarterdeck.governance.audit import Auditor, Subject
from quarterdeck.governance.leaf import Actor
from quarterdeck.store.database import Store
from quarterdeck.store.invitations import Invited
from quarterdeck.store.operations import operation

CHANNEL, NAME = "telegram", "tg"
TOKEN_LENGTH = 200


class Found(msgspec.Struct, frozen=True):
    """Whose token it is, as Telegram says."""

    username: str
    first_name: str


Look = Callable[[str, str], Awaitable[Found | Trouble]]
"""Asks a Bot API server (empty: Telegram's own) whose token this is; nothing changes there."""


class Shown(msgspec.Struct, frozen=True):
    """An invitation that is shown as long as it holds; `expires_at` is Unix seconds."""

    id: str
    link: str
    expires_at: float

    def __repr__(self) -> str:
        return f"Shown(id={self.id!r}, expires_at={self.expires_at})"


class Added(msgspec.Struct, frozen=True):
    """A connection. `lines` are those that somebody has to put into the file by hand, empty for none."""

    name: str
    used: bool
    lines: str = ""
    shown: Shown | None = None
    came: Invited | None = None


class Bots:
    """The use cases. An invitation's code is in memory only: after a restart another one is made."""

    def __init__(
        self,
        look: Look,
        running: Configuration,
        file: Path,
        read: Read,
        environ: Mapping[str, str],
        inviting: Inviting,
        store: Store,
        auditor: Auditor,
        clock: Clock,
    ) -> None:
        self._look = look
        self._running = running
        self._file = file
        self._read = read
        self._environ = environ
        self._inviting = inviting
        self._store = store
        self._auditor = auditor
        self._clock = clock
        self._written: dict[str, str] = {}  # names that wait for a restart, and their lines where nothing was written
        self._shown: dict[str, Shown] = {}  # by the connections that are configured
        self._one = asyncio.Lock()

    @property
    def file(self) -> Path:
        """The configuration file that gets the connection."""
        return self._file

    async def possible(self) -> bool:
        """Whether there is a file to add to."""
        return await asyncio.to_thread(self._file.exists)

    async def add(self, token: str, api_root: str, actor: Actor) -> str:
        """Add a connection whose token the Bot API takes; its name. A restart uses it.

        Raises BadInput, Troubled for the token, Conflict without a configuration file.
        """
        token, api_root = token.strip(), line("address", api_root.strip())
        if len(token) > TOKEN_LENGTH:
            raise BadInput("token", "This is no bot's token: it is too long", "Copy it once more from @BotFather.")
        root = web_address("address", api_root) if api_root else ""
        async with self._one:
            if not await self.possible():
                raise Conflict("there is no configuration file yet: connect a model first")
            config = (await asyncio.to_thread(self._read, self._file)).config
            found = await self._look(token, root)
            trouble = found if isinstance(found, Trouble) else await taken(token, config, self._environ)
            if trouble is not None:
                raise Troubled("token", trouble)
            name = _free(config, self._written)
            begun = self._auditor.record("change.setup", actor, Subject(connection=name), outcome="begun")
            await self._store.commit(operation("configuration", begun))
            digest, lines = await asyncio.to_thread(self._put, name, token, root)
            self._written[name] = lines
            about = Subject(connection=name, resource=digest)
            outcome = "by_hand" if lines else "written"
            record = self._auditor.record("change.setup", actor, about, outcome=outcome)
            await self._store.commit(operation("configuration", record))
        return name

    async def get(self, name: str) -> Added:
        """How far one has come. Raises NotFound."""
        if not self._uses(name):
            if name not in self._written:
                raise NotFound(f"there is no Telegram connection {name}")
            return Added(name, used=False, lines=self._written[name])
        shown = self._shown.get(name)
        came = await self._inviting.get(shown.id) if shown else None
        if shown and came and came.state == "offered" and shown.expires_at <= self._clock.now():
            shown, came = None, None
        return Added(name, used=True, shown=shown, came=came)

    async def invite(self, name: str, actor: Actor) -> None:
        """Make a link that lets in whoever opens it first. Raises NotFound, Troubled."""
        if not self._uses(name):
            raise NotFound(f"no Telegram connection {name} is in use")
        one = self._running.current.connections[name]
        token = await _token(name, one, SecretReader(self._environ, SystemClock()))
        found = await self._look(token, str(one.options.get("api_root", "")))
        if isinstance(found, Trouble):
            raise Troubled("token", found)
        made = await self._inviting.make(name, actor)
        link = f"https://t.me/{found.username}?start={made.code}"
        self._shown[name] = Shown(made.id, link, made.expires_at)

    def _uses(self, name: str) -> bool:
        one = self._running.current.connections.get(name)
        return one is not None and one.channel == CHANNEL

    def _put(self, name: str, token: str, api_root: str) -> tuple[str, str]:
        """Write token and table, or nothing; the configuration's digest, and the lines that remain to be added."""
        data_dir = Path(self._running.current.data_dir).absolute()
        with ExitStack() as undo:
            kept = draft.keep_key(token, name, data_dir)
            undo.callback(kept.unlink)
            table = draft.connection(name, SecretRef(file=str(kept)), {"api_root": api_root})
            try:
                digest, lines = draft.add_table(table, self._file, self._read).digest, ""
            except draft.ByHand:
                digest, lines = self._running.loaded.digest, table  # the lines refer to the token's file
            undo.pop_all()
        return digest, lines


async def taken(token: str, config: Config, environ: Mapping[str, str]) -> Trouble | None:
    """Whether a connection has this bot already; one whose token cannot be read here is passed over."""
    secrets, bot = SecretReader(environ, SystemClock()), token.partition(":")[0]
    for name, one in config.connections.items():
        if one.channel != CHANNEL:
            continue
        try:
            other = await _token(name, one, secrets)
        except (msgspec.ValidationError, ConfigRefused):
            continue  # whoever starts the gateway is told
        if other.partition(":")[0] == bot:
            fix = "One process receives for a bot: ask @BotFather for another bot, or use that connection"
            return Trouble("taken", f"the connection {name} has this bot already", fix)
    return None


async def _token(name: str, one: ConnectionConfig, secrets: SecretReader) -> str:
    ref = msgspec.convert(one.options.get("token"), SecretRef)
    return (await secrets.read(ref, f"connections.{name}.token")).reveal()


def _free(config: Config, written: Mapping[str, str]) -> str:
    """The next name that no connection has."""
    name, number = NAME, 1
    while name in config.connections or name in written:
        number += 1
        name = f"{NAME}{number}"
    return name
