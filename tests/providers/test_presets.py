"""Known services by name: every preset makes a provider, and a table of the configuration says what it must."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from quarterdeck.base.clock import SystemClock
from quarterdeck.base.config import ConfigRefusals, load_config
from quarterdeck.base.crash import CrashPoints
from quarterdeck.base.secrets import Secret, SecretReader, SecretRef
from quarterdeck.base.settings import ProviderConfig
from quarterdeck.model.media import IMAGES, PDF
from quarterdeck.model.message import UserMessage
from quarterdeck.net.client import Client
from quarterdeck.plugins.build import Plugins
from quarterdeck.ports import ModelRequest, Provider
from quarterdeck.providers.http.adapter import HttpProvider
from quarterdeck.providers.http.headers import key_headers
from quarterdeck.providers.openai_compatible.adapter import configured
from quarterdeck.providers.openai_compatible.presets import PRESETS
from quarterdeck.providers.openai_compatible.reference import reference_markdown
from quarterdeck.providers.openai_compatible.settings import read_settings
from quarterdeck.store.blob_files import FileBlobs
from quarterdeck.wiring.builtin import Builder
from tests.providers.asking import asked
from tests.standins.model import KEY, model_standin

pytestmark = [pytest.mark.timeout(60), pytest.mark.proves("provider.openai-compatible")]


@pytest.fixture
async def client() -> AsyncIterator[Client]:
    async with Client() as made:
        yield made


def table(kind: str = "openai-compatible", base_url: str | None = None, **options: object) -> ProviderConfig:
    return ProviderConfig(kind=kind, base_url=base_url, options=options)


@pytest.mark.parametrize("name", PRESETS)
async def test_every_preset_makes_a_provider(name: str, client: Client) -> None:
    preset = PRESETS[name]
    address = None if preset.base_url else "https://here.example/openai/v1"
    secrets = SecretReader({}, SystemClock())
    config = table(base_url=address, preset=name)
    provider: Provider = configured("p", config, client=client, secrets=secrets, clock=SystemClock())
    assert provider.profile("m").reads == preset.dialect.reads
    call = provider.prepare(ModelRequest("m", "", (UserMessage("x"),)))
    assert preset.dialect.max_tokens_field.encode() in call.body
    assert (preset.base_url or "https://").startswith(("https://", "http://127.0.0.1:"))
    assert preset.source
    assert name in reference_markdown()


async def test_a_preset_speaks_to_its_service(client: Client) -> None:
    async with model_standin() as model:
        keys = (SecretRef(env="K"),)
        config = ProviderConfig(
            kind="openai-compatible",
            base_url=f"{model.url}/v1",  # a written address goes before the preset's
            api_keys=keys,
            options={"preset": "deepseek"},
        )
        secrets = SecretReader({"K": KEY}, SystemClock())
        provider = configured("p", config, client=client, secrets=secrets, clock=SystemClock())
        answer, _ = await asked(provider, ModelRequest("deepseek-chat", "", (UserMessage("[[think 1]] hi"),)))
        assert (answer.message.text, answer.message.reasoning) == ("re: hi", "thought 1 of 1. ")


def test_a_setting_goes_before_the_presets() -> None:
    plain = read_settings("p", table(preset="xai"))
    assert (plain.dialect.max_tokens_field, plain.dialect.reads) == ("max_completion_tokens", IMAGES)
    mine = read_settings(
        "p",
        table(preset="xai", max_tokens_field="max_tokens", images=False, documents=True, max_tokens=7, window=9),
    )
    assert (mine.dialect.max_tokens_field, mine.dialect.reads) == ("max_tokens", (PDF,))
    assert (mine.profile.max_tokens, mine.profile.window, mine.profile.reads) == (7, 9, (PDF,))
    assert read_settings("p", table(preset="azure", base_url="https://x/v1")).key_header == "api-key"
    assert read_settings("p", table(preset="azure", base_url="https://x/v1", key_header="")).key_header == ""
    assert read_settings("p", table(kind="openai")).dialect.by_name


@pytest.mark.parametrize(
    ("config", "told"),
    [
        (table(preset="openruoter"), "providers.p.preset: there is no preset openruoter. Did you mean openrouter?"),
        (table(preset="azure"), "providers.p.base_url: Azure OpenAI, v1 API has no address of its own."),
        (table(), "providers.p.base_url: this kind needs an address."),
        (table(kind="openai", preset="groq"), "providers.p.preset: groq is not OpenAI."),
        (table(preset="groq", key_header="x y"), "cannot carry a key"),
    ],
)
def test_what_cannot_be_is_refused(config: ProviderConfig, told: str) -> None:
    with pytest.raises(ConfigRefusals) as raised:
        read_settings("p", config)
    assert told in str(raised.value)


def test_a_preset_needs_no_address_in_the_configuration(tmp_path: Path) -> None:
    file = tmp_path / "quarterdeck.toml"
    model = '[assistants.default]\nmodel = "p/m"\n'
    file.write_text('[providers.p]\nkind = "openai-compatible"\npreset = "openrouter"\n' + model)
    assert load_config(file, {}, cwd=tmp_path).config.providers["p"].options == {"preset": "openrouter"}
    file.write_text('[providers.p]\nkind = "openai"\n[providers.q]\nkind = "openai-responses"\n' + model)
    assert len(load_config(file, {}, cwd=tmp_path).config.providers) == 2


def test_the_header_of_the_key() -> None:
    assert key_headers("", Secret("k")) == {"Authorization": "Bearer k"}
    assert key_headers("api-key", Secret("k")) == {"api-key": "k"}
    assert key_headers("api-key", None) == {}


@pytest.mark.parametrize("kind", ["openai", "openai-responses", "openai-compatible"])
async def test_wiring_builds_each_kind(kind: str, client: Client, tmp_path: Path) -> None:
    config = load_config(None, {}, cwd=tmp_path).config
    async with AsyncExitStack() as stack, model_standin() as model:
        clock = SystemClock()
        blobs = FileBlobs(tmp_path, CrashPoints())
        secrets = SecretReader({"K": KEY}, clock)
        builder = Builder(config, client, secrets, clock, Silent(), stack, Plugins(config), blobs)
        one = ProviderConfig(kind=kind, base_url=f"{model.url}/v1", api_keys=(SecretRef(env="K"),))
        provider = await builder.provider("p", one)
        assert isinstance(provider, HttpProvider)
        answer, _ = await asked(provider, ModelRequest("gpt-4.1", "", (UserMessage("hi"),)))
        assert answer.message.text == "re: hi"
        (sent,) = model.bodies
        assert ("input" in sent, "max_completion_tokens" in sent) == (kind == "openai-responses", kind == "openai")


class Silent:
    """A log that nobody reads."""

    def debug(self, event: str, **fields: object) -> None: ...
    def info(self, event: str, **fields: object) -> None: ...
    def warning(self, event: str, **fields: object) -> None: ...
    def error(self, event: str, **fields: object) -> None: ...
