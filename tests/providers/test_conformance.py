"""Do our own providers keep what a provider promises? The kit that plugins use, over each of them."""

from collections.abc import AsyncIterator

import pytest

from quarterdeck.base.clock import SystemClock
from quarterdeck.base.secrets import SecretReader, SecretRef
from quarterdeck.base.settings import ProviderConfig
from quarterdeck.net.client import Client
from quarterdeck.plugins.guards.provider import GuardedProvider
from quarterdeck.ports import Provider
from quarterdeck.providers.anthropic.adapter import configured as anthropic
from quarterdeck.providers.openai_compatible.adapter import configured as compatible
from quarterdeck.providers.scripted.provider import ScriptedProvider
from quarterdeck.testing.provider import ProviderConformance, ProviderUnderTest, Trouble
from tests.channels.support import KeptLog, nobody
from tests.standins.anthropic import KEY as ANTHROPIC_KEY
from tests.standins.anthropic import NEWER, AnthropicStandin, anthropic_standin
from tests.standins.model import KEY, ModelStandin, model_standin

pytestmark = [pytest.mark.timeout(60), pytest.mark.proves("G1")]

TEXTS: dict[Trouble, str] = {
    "auth": "[[status 401]] hello",
    "rate": "[[status 429]] hello",
    "server": "[[status 500]] hello",
    "cut": "[[cut 1]] one two three four five six",
    "silent": "[[hang]] hello",
}


class Scripted:
    """Implements ProviderUnderTest without any service."""

    name, model, unreachable = "main", "help", None
    provider: Provider = ScriptedProvider("main")

    async def asked(self) -> int:
        return 0

    async def meet(self, trouble: Trouble) -> str | None:
        return None


class Served:
    """Implements ProviderUnderTest over a stand-in that does what a text says."""

    name = "main"

    def __init__(
        self, standin: ModelStandin | AnthropicStandin, provider: Provider, gone: Provider, model: str
    ) -> None:
        self._standin = standin
        self.provider = provider
        self.unreachable = gone
        self.model = model

    async def asked(self) -> int:
        return len(self._standin.calls)

    async def meet(self, trouble: Trouble) -> str | None:
        return TEXTS[trouble]


def config(kind: str, url: str) -> ProviderConfig:
    return ProviderConfig(
        kind=kind, base_url=url, api_keys=(SecretRef(env="KEY"),), first_byte_seconds=0.5, idle_seconds=0.5
    )


@pytest.mark.proves("provider.scripted")
class TestScripted(ProviderConformance):
    @pytest.fixture
    async def subject(self) -> ProviderUnderTest:
        return Scripted()


@pytest.mark.proves("provider.openai-compatible")
class TestCompatible(ProviderConformance):
    @pytest.fixture
    async def subject(self) -> AsyncIterator[ProviderUnderTest]:
        async with model_standin() as standin, Client() as client:
            clock = SystemClock()
            secrets = SecretReader({"KEY": KEY}, clock)
            made = [
                compatible("main", config("openai-compatible", url), client=client, secrets=secrets, clock=clock)
                for url in (f"{standin.url}/v1", f"{nobody()}/v1")
            ]
            yield Served(standin, made[0], made[1], "m")


@pytest.mark.proves("provider.anthropic")
class TestAnthropic(ProviderConformance):
    @pytest.fixture
    async def subject(self) -> AsyncIterator[ProviderUnderTest]:
        async with anthropic_standin() as standin, Client() as client:
            clock = SystemClock()
            secrets = SecretReader({"KEY": ANTHROPIC_KEY}, clock)
            made = [
                anthropic("main", config("anthropic", url), client=client, secrets=secrets, clock=clock)
                for url in (f"{standin.url}/v1", f"{nobody()}/v1")
            ]
            yield Served(standin, made[0], made[1], NEWER.name)


@pytest.mark.proves("plugin.provider")
class TestGuarded(ProviderConformance):
    """What is guarded keeps its promises: the guard is in nobody's way."""

    @pytest.fixture
    async def subject(self) -> AsyncIterator[ProviderUnderTest]:
        async with model_standin() as standin, Client() as client:
            clock = SystemClock()
            secrets = SecretReader({"KEY": KEY}, clock)
            made = [
                compatible("main", config("openai-compatible", url), client=client, secrets=secrets, clock=clock)
                for url in (f"{standin.url}/v1", f"{nobody()}/v1")
            ]
            guarded = [GuardedProvider(one, "main", KeptLog()) for one in made]
            yield Served(standin, guarded[0], guarded[1], "m")
