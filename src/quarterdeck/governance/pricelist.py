"""Where do list prices come from, and when? From a child process when the question is new, else from a file.

The file holds the question and the package's version beside the answer, so it is never out of date.
"""

import asyncio
import os
import sys
from collections.abc import Mapping
from pathlib import Path

import msgspec

from quarterdeck.base.errors import Retry
from quarterdeck.governance.listed import Ask
from quarterdeck.governance.prices import Price

SECONDS = 20.0
PACKAGE = "genai-prices"
SAID = 300  # characters of what a failed child wrote

Found = Mapping[str, Price]


class _Kept(msgspec.Struct, frozen=True):
    version: str
    asks: tuple[Ask, ...]
    prices: dict[str, Price | None]


async def list_prices(asks: tuple[Ask, ...], file: Path) -> tuple[Found, str]:
    """Prices by route of those models that have one, and whose they are. Raises Retry when nobody could be asked."""
    if not asks:
        return {}, ""
    from importlib import metadata  # with zipfile and more

    try:
        version = f"{PACKAGE}-{metadata.version(PACKAGE)}"
    except metadata.PackageNotFoundError:
        raise Retry(f"the package {PACKAGE} is not installed", 60.0) from None
    kept = await asyncio.to_thread(_read, file)
    if kept is None or (kept.version, kept.asks) != (version, asks):
        kept = _Kept(version, asks, await _ask(asks))
        await asyncio.to_thread(_write, file, kept)
    return {route: price for route, price in kept.prices.items() if price is not None}, version


async def _ask(asks: tuple[Ask, ...]) -> dict[str, Price | None]:
    child = await asyncio.create_subprocess_exec(
        sys.executable,
        "-P",
        "-m",
        "quarterdeck.governance.listed",
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env={},  # it needs nothing of ours, least of all our secrets
        start_new_session=True,  # an interrupt typed at the terminal is for the gateway
    )
    try:
        async with asyncio.timeout(SECONDS):
            said, complaint = await child.communicate(msgspec.json.encode(asks))
    except TimeoutError:
        raise Retry(f"{PACKAGE} did not answer within {SECONDS:.0f} s", 60.0) from None
    finally:
        if child.returncode is None:
            child.kill()
            await child.wait()
    if child.returncode:
        raise Retry(f"{PACKAGE} ended with {child.returncode}: {complaint.decode(errors='replace')[-SAID:]}", 60.0)
    try:
        return msgspec.json.decode(said, type=dict[str, Price | None])
    except msgspec.DecodeError as error:
        raise Retry(f"{PACKAGE} gave no prices: {error}", 60.0) from error


def _read(file: Path) -> _Kept | None:
    try:
        return msgspec.json.decode(file.read_bytes(), type=_Kept)
    except (OSError, msgspec.DecodeError):
        return None  # it is made anew


def _write(file: Path, kept: _Kept) -> None:
    new = file.with_suffix(".new")
    new.write_bytes(msgspec.json.encode(kept))
    os.replace(new, file)
