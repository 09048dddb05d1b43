"""Vectors through the official client, which asks for base64 by itself and decodes it."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import openai
import pytest

from tests.doors.openai_support import client_of, served
from tests.doors.running import CONFIG, Running, running
from tests.flow.doubles import Model

pytestmark = pytest.mark.proves("v1.embeddings")


@pytest.fixture
async def gateway(tmp_path: Path) -> AsyncIterator[Running]:
    config = CONFIG + '[embeddings]\nmodel = "script/vectors"\n'
    async with running(tmp_path, config) as found:
        found.parts.directory._providers = {"script": Model("script")}  # the scripted one makes none
        yield found


@pytest.fixture
async def client(gateway: Running) -> AsyncIterator[openai.AsyncOpenAI]:
    async with client_of(gateway) as found:
        yield found


@pytest.mark.parametrize("form", ["float", "base64", None])
async def test_vectors(client: openai.AsyncOpenAI, form: Any) -> None:
    wish = {"encoding_format": form} if form else {}
    said = await client.embeddings.create(model="vectors", input=["a", "bb"], dimensions=1, **wish)
    vectors: list[Any] = [one.embedding for one in said.data]
    assert vectors == (["AACAPw==", "AAAAQA=="] if form == "base64" else [[1.0], [2.0]])
    assert [one.index for one in said.data] == [0, 1]
    assert (said.model, said.usage.prompt_tokens, said.usage.total_tokens) == ("vectors", 2, 2)


async def test_vectors_over_real_sockets(tmp_path: Path) -> None:
    async with served(tmp_path) as (gateway, model), client_of(gateway) as client:
        texts = ["red apple", "apple red", "house"]
        said = await client.embeddings.create(model="default", input=texts, dimensions=64)
        one, same, other = (found.embedding for found in said.data)
        assert len(one) == 64
        assert one == same != other
        assert said.usage.prompt_tokens > 0
        assert model.bodies[-1]["model"] == "vectors"
        with pytest.raises(openai.BadRequestError, match="dimensions"):
            await client.embeddings.create(model="default", input="x", dimensions=16_000)
        rows = await gateway.parts.store.fetch("SELECT kind, state FROM intents ORDER BY id", {})
        assert [tuple(row) for row in rows] == [("model", "done"), ("model", "failed")]


async def test_one_text_of_an_assistant(client: openai.AsyncOpenAI) -> None:
    said = await client.embeddings.create(model="default", input="abc", encoding_format="float")
    assert [one.embedding for one in said.data] == [[3.0]]


@pytest.mark.parametrize(
    ("wish", "param"),
    [
        ({"input": []}, "input"),
        ({"input": ""}, "input"),
        ({"input": [1, 2]}, "input[0]"),
        ({"input": ["a", [1, 2]]}, "input[1]"),
        ({"input": ["a", ""]}, "input[1]"),
        ({"input": ["a"] * 2049}, "input"),
        ({"input": "x" * 100_001}, "input"),
        ({"input": ["x" * 99_000] * 11}, "input"),
        ({"dimensions": 0}, "dimensions"),
        ({"encoding_format": "hex"}, "encoding_format"),
        ({"extra_body": {"made_up": 1}}, "made_up"),
    ],
)
async def test_what_is_not_served_is_named(client: openai.AsyncOpenAI, wish: dict[str, Any], param: str) -> None:
    with pytest.raises(openai.BadRequestError) as refused:
        await client.embeddings.create(**{"model": "vectors", "input": "a", **wish})
    assert refused.value.param == param


async def test_what_is_not_there_or_not_allowed(gateway: Running, client: openai.AsyncOpenAI) -> None:
    with pytest.raises(openai.NotFoundError) as missing:
        await client.embeddings.create(model="other", input="a")
    assert missing.value.code == "model_not_found"
    with pytest.raises(openai.PermissionDeniedError):
        await client.embeddings.create(model="script/echo", input="a")
    narrow = client.with_options(api_key=await gateway.token("read"))
    with pytest.raises(openai.PermissionDeniedError):
        await narrow.embeddings.create(model="vectors", input="a")
    assert [tuple(row) for row in await gateway.parts.store.fetch("SELECT kind FROM intents", {})] == []
