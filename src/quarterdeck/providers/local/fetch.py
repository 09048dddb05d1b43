"""One pip child: what it may see, how it ends, and what its complaints mean in one line."""

import asyncio
import contextlib
import os
import re
import signal
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import msgspec

from quarterdeck.base.errors import GiveUp, QuarterdeckError, Retry

TICK_S = 0.2
END_S = 10.0
OUTPUT_KEPT = 64 * 1024

# The gateway's environment holds its secrets; pip gets what leads it to its index and nothing else.
PASSED = frozenset(
    "PATH HOME LANG NETRC VIRTUAL_ENV SSL_CERT_FILE SSL_CERT_DIR REQUESTS_CA_BUNDLE CURL_CA_BUNDLE "
    "HTTP_PROXY HTTPS_PROXY ALL_PROXY NO_PROXY XDG_CONFIG_HOME XDG_CONFIG_DIRS".split()
)
# These settings would contradict where we let pip write or how much it tells.
PIP_LEFT_OUT = frozenset(
    "PIP_TARGET PIP_USER PIP_PREFIX PIP_ROOT PIP_QUIET PIP_LOG PIP_CONSTRAINT PIP_REQUIREMENT".split()
)

MISMATCH = re.compile(r"DO NOT MATCH THE HASHES|HashMismatch", re.IGNORECASE)
NO_SPACE = re.compile(r"No space left on device|Disk quota exceeded|Errno 28\b|Errno 122\b", re.IGNORECASE)
# A server that answers 404 or 403 is not among these: there the network works.
NO_NETWORK = re.compile(
    r"establish a new connection|NewConnectionError|Connection (refused|reset|aborted|broken|error)"
    r"|ConnectTimeout|timed out"
    r"|Name or service not known|name resolution|Network is unreachable|No route to host|ProxyError|SSLError"
    r"|Max retries exceeded|CERTIFICATE_VERIFY_FAILED|IncompleteRead|incomplete-download",
    re.IGNORECASE,
)
NOT_OFFERED = re.compile(r"No matching distribution|Could not find a version|is not a supported wheel", re.IGNORECASE)
ADDRESS = re.compile(r"\b[a-z][a-z+]*://\S+", re.IGNORECASE)


class Finished(msgspec.Struct, frozen=True):
    """How a pip child ended; `output` is the end of what it printed on both streams."""

    status: int
    output: str


class Pip:
    """Starts pip of `python` with `environment` reduced to what pip needs."""

    def __init__(self, environment: Mapping[str, str], python: str = sys.executable) -> None:
        self._python = python
        self._environment = {name: value for name, value in environment.items() if _is_passed(name)}

    async def run(self, arguments: Sequence[str], scratch: Path, lock: int, tick: Callable[[], None]) -> Finished:
        """Run pip to its end, calling `tick` about every 0.2 s; temporary files go to `scratch`.

        The child inherits `lock`, so that what it guards stays guarded should this process die first. The
        caller sets the deadline; on cancellation the child is killed and reaped.
        """
        process = await asyncio.create_subprocess_exec(
            self._python,
            "-P",
            "-m",
            "pip",
            *arguments,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            env=self._environment | {"TMPDIR": str(scratch), "LC_ALL": "C.UTF-8"},
            pass_fds=(lock,),
            start_new_session=True,
        )
        try:
            output = await _follow(process, tick)
            return Finished(await process.wait(), output.decode("utf-8", "replace"))
        finally:
            await _end(process)


async def _follow(process: asyncio.subprocess.Process, tick: Callable[[], None]) -> bytes:
    kept, chunk = b"", None
    while chunk != b"":
        chunk = None
        try:
            async with asyncio.timeout(TICK_S):
                chunk = await process.stdout.read(16 * 1024) if process.stdout else b""
        except TimeoutError:
            pass
        tick()
        kept = (kept + (chunk or b""))[-OUTPUT_KEPT:]
    return kept


async def _end(process: asyncio.subprocess.Process) -> None:
    if process.returncode is not None:
        return
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)  # its own session: the group is pip and its children
    async with asyncio.timeout(END_S):
        await process.wait()


def _is_passed(name: str) -> bool:
    upper = name.upper()  # proxies are commonly written in lower case
    return upper in PASSED or (upper.startswith("PIP_") and upper not in PIP_LEFT_OUT)


def complaint(finished: Finished) -> QuarterdeckError:
    """What a failed pip run means, in one line with the fix. Names no address: one may hold a password."""
    output = finished.output
    if "No module named pip" in output:
        return GiveUp("pip is missing from this Python; run `python -m ensurepip`, or with uv: `uv pip install pip`")
    if MISMATCH.search(output):
        return GiveUp(
            "the download does not have the pinned hash, so it was thrown away; "
            "try again, and if it repeats do not trust the package index that pip uses"
        )
    if NO_SPACE.search(output):
        return GiveUp("the disk filled up during the download; free some space and pull again")
    if NO_NETWORK.search(output):
        return Retry("no network: pip could not reach its package index; check the connection and pip's settings")
    if NOT_OFFERED.search(output):
        return GiveUp(
            "pip's package index does not offer the pinned version for this Python; point pip at a complete index"
        )
    return GiveUp(f"pip ended with status {finished.status}: {_last_error(output)}")


def _last_error(output: str) -> str:
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    errors = [line for line in lines if line.startswith("ERROR")] or lines or ["it printed nothing"]
    return ADDRESS.sub("(address)", errors[-1])[:300]
