"""Who and what is configured now: assistants, connections, providers and tools of this process.

A reload swaps the assistants and the connections' rules as one value; turns keep what they started with.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Literal

import msgspec

from quarterdeck.base.errors import NotFound
from quarterdeck.flow.pauses import Pauses
from quarterdeck.model.assistant import Assistant
from quarterdeck.model.inbound import Room
from quarterdeck.ports import Channel, ChannelHealth, Provider, Tool

DmPolicy = Literal["pairing", "allowlist", "open", "disabled"]
GroupPolicy = Literal["allowlist", "open", "disabled"]
SessionPer = Literal["person", "room", "thread"]


class GroupRules(msgspec.Struct, frozen=True):
    """What holds in one group; None: as its connection has it. `allow` None: it is not configured."""

    allow: bool | None = None
    require_mention: bool | None = None
    session_per: SessionPer | None = None


class ConnectionRules(msgspec.Struct, frozen=True):
    """One connection's settings that flow obeys. `rows` connections (web, api, terminal) have no wire of their own."""

    name: str
    channel: str
    assistant: str
    dm_policy: DmPolicy = "pairing"
    allow: tuple[str, ...] = ()
    streaming: bool = False
    session_per: SessionPer = "person"
    language: str = ""  # of ours, or empty: as people's apps say
    group_policy: GroupPolicy = "allowlist"
    require_mention: bool = True
    groups: Mapping[str, GroupRules] = {}
    acknowledge: bool = False  # by a reaction, where the platform has them

    def group(self, room: Room) -> GroupRules:
        """What holds in a group, or in the group that a thread is in."""
        own = self.groups.get(room.parent or room.native_id, _UNNAMED)
        return GroupRules(
            own.allow,
            self.require_mention if own.require_mention is None else own.require_mention,
            own.session_per or self.session_per,
        )

    @property
    def rows(self) -> bool:
        """Whether a delivery there is a row of ours."""
        return self.channel in ("web", "api", "terminal")


_UNNAMED = GroupRules()


class Limits(msgspec.Struct, frozen=True):
    """Bounds on what a session and the process may hold and take."""

    concurrent_turns: int = 100
    queue_per_session: int = 1000
    message_ttl_seconds: float = 86_400.0
    late_after_seconds: float = 300.0
    unknown: Literal["resend_marked", "hold"] = "resend_marked"


class EmbeddingRules(msgspec.Struct, frozen=True):
    """Models that make vectors, as provider/model: who is asked by default (empty: nobody), and who may be asked."""

    default: str = ""
    allowed: tuple[str, ...] = ()


NO_EMBEDDINGS = EmbeddingRules()


class Directory:
    """Looks up by name; raises NotFound with the name."""

    def __init__(
        self,
        assistants: Mapping[str, Assistant],
        connections: Mapping[str, ConnectionRules],
        providers: Mapping[str, Provider],
        tools: Mapping[str, Tool],
        limits: Limits,
        retries: Mapping[str, int] | None = None,
        embeddings: EmbeddingRules = NO_EMBEDDINGS,
    ) -> None:
        self._retries = retries or {}
        self._assistants = assistants
        self._connections = connections
        self._providers = providers
        self._tools = tools
        self._channels: dict[str, Channel] = {}
        self.pauses = Pauses()
        self.elsewhere: Callable[[str], ChannelHealth | None] = lambda name: None  # what another process sees of it
        self.limits = limits
        self.embeddings = embeddings

    def replace(
        self,
        assistants: Mapping[str, Assistant],
        connections: Mapping[str, ConnectionRules],
        limits: Limits,
        embeddings: EmbeddingRules,
    ) -> None:
        """Put a newly read configuration in force."""
        self._assistants = assistants
        self._connections = connections
        self.limits = limits
        self.embeddings = embeddings

    def attach(self, connection: str, channel: Channel) -> None:
        """A connection's channel is running."""
        self._channels[connection] = channel

    @property
    def assistants(self) -> Sequence[str]:
        """Ids of all assistants."""
        return tuple(self._assistants)

    @property
    def connections(self) -> Sequence[ConnectionRules]:
        """All connections."""
        return tuple(self._connections.values())

    @property
    def models(self) -> Sequence[str]:
        """Routes of all models that some assistant names."""
        return tuple(dict.fromkeys(m for a in self._assistants.values() for m in (a.model, *a.fallback)))

    @property
    def providers(self) -> Collection[str]:
        """Names of all providers."""
        return self._providers.keys()

    def assistant(self, name: str) -> Assistant:
        """An assistant by id."""
        if (found := self._assistants.get(name)) is None:
            raise NotFound(f"there is no assistant {name!r}; there are: {', '.join(self._assistants)}")
        return found

    def connection(self, name: str) -> ConnectionRules:
        """A connection's rules by name."""
        if (found := self._connections.get(name)) is None:
            raise NotFound(f"there is no connection {name!r}")
        return found

    def channel(self, name: str) -> Channel | None:
        """The channel of a connection that has a wire and runs, else None."""
        return self._channels.get(name)

    def health(self, name: str) -> ChannelHealth | None:
        """How a connection is, as whoever receives for it sees it; None where it has no wire, or runs nowhere."""
        if (rules := self._connections.get(name)) is not None and rules.rows:
            return None
        if (found := self.elsewhere(name)) is not None:
            return found
        return one.health() if (one := self._channels.get(name)) else None

    def sending(self, name: str) -> Channel | None:
        """The channel of a connection where something may be sent now: it runs, and nobody has paused it."""
        return None if self.pauses.of(name) else self._channels.get(name)

    def channels(self) -> Mapping[str, Channel]:
        """All running channels by connection."""
        return self._channels

    def provider(self, name: str) -> Provider:
        """A provider by name."""
        if (found := self._providers.get(name)) is None:
            raise NotFound(f"there is no provider {name!r}")
        return found

    def retries(self, provider: str) -> int:
        """Further attempts at a model of this provider after a failure that may pass."""
        return self._retries.get(provider, 2)

    def tool(self, name: str) -> Tool | None:
        """A tool by name."""
        return self._tools.get(name)
