"""A gateway with the model stand-in behind it, and the vendor's own client in front."""

import base64
import json
import struct
import zlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import openai

from tests.doors.running import Running, running
from tests.standins.model import KEY, ModelStandin, model_standin

CONFIG = """
data_dir = "./data"
[server]
port = 0
[log]
level = "error"
[providers.main]
kind = "openai-compatible"
base_url = "{url}/v1"
api_keys = [{{ env = "MODEL_KEY" }}]
images = true
[assistants.default]
model = "main/test"
tools = ["time"]
[embeddings]
model = "main/vectors"
"""
WEATHER: dict[str, Any] = {
    "type": "function",
    "function": {
        "name": "weather",
        "description": "The weather of a place",
        "parameters": {"type": "object", "properties": {"place": {"type": "string"}}, "required": ["place"]},
    },
}
ASK_WEATHER = '[[tool weather {"place": "Kiel"}]] how is it?'


def picture(width: int = 1) -> bytes:
    """A PNG image of one row."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = struct.pack(">IIBBBBB", width, 1, 8, 0, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", head)
        + chunk(b"IDAT", zlib.compress(b"\0" * (width + 1)))
        + chunk(b"IEND", b"")
    )


def data_url(data: bytes, mime: str = "image/png") -> str:
    return f"data:{mime};base64,{base64.b64encode(data).decode()}"


def user(text: str) -> dict[str, Any]:
    return {"role": "user", "content": text}


def asked(model: ModelStandin, n: int = -1) -> dict[str, Any]:
    """A request as the model got it."""
    return json.loads(json.dumps(model.bodies[n]))


@asynccontextmanager
async def served(folder: Path, config: str = CONFIG) -> AsyncIterator[tuple[Running, ModelStandin]]:
    async with (
        model_standin() as model,
        running(folder, config.format(url=model.url), {"MODEL_KEY": KEY}) as gateway,
    ):
        yield gateway, model


@asynccontextmanager
async def client_of(gateway: Running) -> AsyncIterator[openai.AsyncOpenAI]:
    token = await gateway.token("chat")
    async with openai.AsyncOpenAI(api_key=token, base_url=f"{gateway.url}/v1", max_retries=0, timeout=20) as client:
        yield client
