"""Every kind of provider as the conformance kit checks it: as it is configured, against the stand-in of its service."""

from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Protocol

from quarterdeck.base.clock import SystemClock
from quarterdeck.base.crash import CrashPoints
from quarterdeck.base.secrets import Secret, SecretReader, SecretRef
from quarterdeck.base.settings import Config, ProviderConfig
from quarterdeck.net.client import Client
from quarterdeck.net.outgoing import Timeouts
from quarterdeck.plugins.build import Plugins
from quarterdeck.ports import Provider
from quarterdeck.providers.http.adapter import Endpoint
from quarterdeck.providers.local.fetching import Fetching
from quarterdeck.providers.scripted.provider import ScriptedProvider
from quarterdeck.store.blob_files import FileBlobs
from quarterdeck.testing.provider import ProviderUnderTest, Trouble
from quarterdeck.wiring.builtin import Builder
from quarterdeck.wiring.demo import demo_model
from tests.channels.support import KeptLog, nobody
from tests.standins.anthropic import KEY as ANTHROPIC_KEY
from tests.standins.anthropic import NEWER, anthropic_standin
from tests.standins.gemini import KEY as GEMINI_KEY
from tests.standins.gemini import gemini_standin
from tests.standins.model import KEY, Call, model_standin

QUICK_S = 1.0  # all that the kit asks goes by it, also what is answered: a busy machine needs some room
TEXTS: dict[Trouble, str] = {
    "auth": "[[status 401]] hello",
    "rate": "[[status 429]] hello",
    "server": "[[status 500]] hello",
    "cut": "[[cut 1]] one two three four five six",
    "silent": "[[hang]] hello",
}
GEMINI_TEXTS: dict[Trouble, str] = {**TEXTS, "auth": "[[refuse API_KEY_INVALID]] hello"}


class Standin(Protocol):
    """What any model's stand-in tells."""

    @property
    def url(self) -> str: ...

    @property
    def calls(self) -> list[Call]: ...


class Scripted:
    """Implements ProviderUnderTest without any service."""

    name, model, unreachable = "main", "help", None

    def __init__(self) -> None:
        self.provider: Provider = ScriptedProvider("main")

    async def asked(self) -> int:
        return 0

    async def meet(self, trouble: Trouble) -> str | None:
        return None


class Served:
    """Implements ProviderUnderTest over a stand-in that does what a text says."""

    name = "main"

    def __init__(
        self,
        standin: Standin,
        provider: Provider,
        gone: Provider,
        model: str,
        texts: Mapping[Trouble, str] = TEXTS,
    ) -> None:
        self._standin = standin
        self.provider = provider
        self.unreachable = gone
        self.model = model
        self._texts = texts

    async def asked(self) -> int:
        return len(self._standin.calls)

    async def meet(self, trouble: Trouble) -> str | None:
        return self._texts[trouble]


Under = Callable[[Path], AbstractAsyncContextManager[ProviderUnderTest]]
"""A subject that lives as long as its context; it is given a folder of its own."""


def served(
    kind: str,
    standin: Callable[[], AbstractAsyncContextManager[Standin]],
    key: str,
    model: str,
    texts: Mapping[Trouble, str] = TEXTS,
    version: str = "/v1",
) -> Under:
    """A kind that is configured with an address, built as the gateway builds it."""

    @asynccontextmanager
    async def subject(folder: Path) -> AsyncGenerator[ProviderUnderTest]:
        async with standin() as running, Client() as client, AsyncExitStack() as stack:
            config, clock = Config(data_dir=str(folder)), SystemClock()
            secrets, blobs = SecretReader({"KEY": key}, clock), FileBlobs(folder, CrashPoints())
            build = Builder(config, client, secrets, clock, KeptLog(), stack, Plugins(config), blobs)
            made = [
                await build.provider(
                    "main",
                    ProviderConfig(
                        kind=kind,
                        base_url=f"{url}{version}",
                        api_keys=(SecretRef(env="KEY"),),
                        first_byte_seconds=QUICK_S,
                        idle_seconds=QUICK_S,
                    ),
                )
                for url in (running.url, nobody())
            ]
            yield Served(running, made[0], made[1], model, texts)

    return subject


@asynccontextmanager
async def local(folder: Path) -> AsyncGenerator[ProviderUnderTest]:
    """The demo model's provider with a stand-in in its engine's place; the engine has tests of its own."""
    async with model_standin() as standin, Client() as client:
        fetching = Fetching(folder, KeptLog())
        fetching.ready = True

        def at(url: str) -> Provider:
            async def endpoint(key: str) -> Endpoint:
                return Endpoint(f"{url}/v1", Secret(KEY))

            quick = Timeouts(first_byte=QUICK_S, idle=QUICK_S)
            return demo_model("main", client, SystemClock(), endpoint, fetching, quick)

        yield Served(standin, at(standin.url), at(nobody()), "m")


@asynccontextmanager
async def scripted(folder: Path) -> AsyncGenerator[ProviderUnderTest]:
    """No service at all."""
    yield Scripted()


SUBJECTS: Mapping[str, Under] = {
    "openai-compatible": served("openai-compatible", model_standin, KEY, "m"),
    "openai": served("openai", model_standin, KEY, "gpt-4.1"),
    "openai-responses": served("openai-responses", model_standin, KEY, "gpt-4.1"),
    "anthropic": served("anthropic", anthropic_standin, ANTHROPIC_KEY, NEWER.name),
    "gemini": served("gemini", gemini_standin, GEMINI_KEY, "gemini-3-flash-preview", GEMINI_TEXTS, "/v1beta"),
    "local": local,
    "scripted": scripted,
}
