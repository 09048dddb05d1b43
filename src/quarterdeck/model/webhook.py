"""How is a platform's call to us handed to its channel? Both sides of that."""

from collections.abc import Awaitable, Callable
from typing import Protocol, runtime_checkable

from quarterdeck.model.inbound import Acceptance, Inbound

Accept = Callable[[Inbound], Awaitable[Acceptance]]
"""Commits an act; see ports.IntakePort.accept."""


class WebhookCall(Protocol):
    """A call of a platform to us, whose body nobody has read yet."""

    def header(self, name: str) -> str:
        """A header's text, empty when it is not there."""
        ...

    async def body(self) -> bytes:
        """The whole body. Raises Refused where it is too large, Retry where it does not come in time."""
        ...


@runtime_checkable
class TakesWebhooks(Protocol):
    """A channel that a platform can call; whoever serves /hooks/{connection} hands the calls on."""

    async def called(self, call: WebhookCall, accept: Accept) -> None:
        """Returns when what was brought is committed (or is none of ours): only then is the platform answered 200.

        Raises NotAllowed where the caller does not prove to be the platform, before anything of the body counts, and
        NotFound where this account is configured to receive in another way.
        """
        ...
