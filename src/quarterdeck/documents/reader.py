"""How is a file read without trusting it? In a child process of its own, with a deadline, one after the other."""

import asyncio
import os
import sys
from pathlib import Path

import msgspec

from quarterdeck.base.errors import Refused
from quarterdeck.base.outside import UNREADABLE
from quarterdeck.documents.formats import LIBRARIES, kind_of

SECONDS = 30.0
AT_ONCE = 2
MOST_CHARACTERS = 40_000  # of a document's text: about 10,000 tokens
MOST_BYTES = 8 * MOST_CHARACTERS  # of an answer: JSON may write a character as six
MORE = "\n[the rest of the document is left out]"
CHILD = Path(__file__).with_name("child.py")


class Unreadable(Refused):
    """The text of a document cannot be had."""

    code = "unreadable"


class _Answer(msgspec.Struct, frozen=True):
    text: str = ""
    more: bool = False
    error: str = ""


_answer = msgspec.json.Decoder(_Answer)


class Reader:
    """Implements DocumentReader of flow/services.py."""

    def __init__(self) -> None:
        self._places = asyncio.Semaphore(AT_ONCE)

    def reads(self, name: str, mime: str) -> bool:
        """Whether such a file has a text."""
        return bool(kind_of(name, mime))

    async def text(self, path: Path, name: str, mime: str) -> str:
        """The text of a file, at most 40,000 characters of it. Raises Unreadable with the reason."""
        kind = kind_of(name, mime)
        library = LIBRARIES.get(kind, "")
        async with self._places:
            if library:
                return await self._in_child(path, library)
            return await asyncio.to_thread(_plain, path)

    async def _in_child(self, path: Path, library: str) -> str:
        order = {"path": str(path), "library": library, "characters": MOST_CHARACTERS, "parent": os.getpid()}
        try:
            async with asyncio.timeout(SECONDS):
                said = await _ask(msgspec.json.encode(order) + b"\n")
        except TimeoutError:
            raise Unreadable(f"it could not be read within {SECONDS:.0f} s") from None
        try:
            found = _answer.decode(said)
        except UNREADABLE:
            raise Unreadable("it is too large or too tangled to be read") from None
        if found.error:
            raise Unreadable(found.error)
        if not found.text:
            raise Unreadable("it holds no text; it may be made of pictures")
        return found.text + (MORE if found.more else "")


async def _ask(order: bytes) -> bytes:
    """What the child answers; it does not outlive this call."""
    child = await asyncio.create_subprocess_exec(
        sys.executable, "-I", str(CHILD),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
        env={"LANG": "C.UTF-8"},
        cwd="/",
        start_new_session=True,
    )  # fmt: skip
    try:
        assert child.stdin is not None
        assert child.stdout is not None
        child.stdin.write(order)
        child.stdin.close()
        return await child.stdout.read(MOST_BYTES)
    finally:
        if child.returncode is None:
            child.kill()
        await child.wait()


def _plain(path: Path) -> str:
    with path.open("rb") as file:
        head = file.read(4 * MOST_CHARACTERS + 1)
    text = head.decode("utf-8-sig", "replace")
    if "\0" in text or text.count("�") > len(text) // 10:
        raise Unreadable("it is not text, whatever its name says")
    return text if len(text) <= MOST_CHARACTERS else text[:MOST_CHARACTERS] + MORE
