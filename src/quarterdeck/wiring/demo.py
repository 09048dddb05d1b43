"""The demo model as a provider: the OpenAI-compatible wire to an engine's address, and its progress until it is there.

It stands here because it joins two providers, which know nothing of each other.
"""

from quarterdeck.base.clock import Clock
from quarterdeck.net.client import Client
from quarterdeck.net.outgoing import Timeouts
from quarterdeck.ports import ModelProfile, Provider
from quarterdeck.providers.http.adapter import EndpointSource, HttpProvider
from quarterdeck.providers.local.demo import LIMITS, STARTER_PROMPTS, SYSTEM_PROMPT
from quarterdeck.providers.local.fetching import Fetching, UntilFetched
from quarterdeck.providers.openai_compatible.adapter import ChatWire
from quarterdeck.providers.openai_compatible.dialect import Dialect


def demo_model(
    name: str,
    client: Client,
    clock: Clock,
    endpoint: EndpointSource,
    fetching: Fetching,
    timeouts: Timeouts | None = None,
) -> Provider:
    """The engine hangs up after every stream, whatever its headers say, so no connection is kept."""
    profile = ModelProfile(
        demo=True,
        tools=False,
        system=SYSTEM_PROMPT,
        history_messages=LIMITS.history,
        max_tokens=LIMITS.max_tokens,
        starters=STARTER_PROMPTS,
    )
    wire = ChatWire(profile, Dialect("max_tokens", LIMITS.temperature))
    model = HttpProvider(name, client, endpoint, clock, wire, headers={"Connection": "close"}, timeouts=timeouts)
    return UntilFetched(model, fetching)
