"""What the demo model's parts say when something is missing: machine, memory, network, library."""

import signal
from pathlib import Path

import pytest

from quarterdeck.base.errors import GiveUp, QuarterdeckError, Retry
from quarterdeck.providers.local.fetch import Finished, complaint
from quarterdeck.providers.local.pins import PINS, Host
from quarterdeck.providers.local.process import STDERR_KEPT, EngineProcess, cause_of_death
from quarterdeck.providers.local.shelf import MEMORY_NEEDED, free_memory


def is_one_line(error: QuarterdeckError) -> bool:
    return "\n" not in str(error) and 0 < len(str(error)) < 250


@pytest.mark.parametrize(
    ("host", "said"),
    [
        (Host("linux", "x86_64", 64, "musl"), "musl systems such as Alpine; use a glibc system"),
        (Host("linux", "armv7l", 32, "glibc", (2, 36)), "64-bit Python"),
        (Host("linux", "x86_64", 64, "glibc", (2, 12)), "glibc 2.17 or newer, this is 2.12"),
        (Host("linux", "riscv64", 64, "glibc", (2, 36)), "no build for linux on riscv64"),
        (Host("windows", "amd64", 64), "no build for windows on amd64"),
    ],
)
def test_a_machine_without_an_engine_is_told_what_to_do(host: Host, said: str) -> None:
    with pytest.raises(GiveUp, match=said) as refused:
        PINS.engine_for(host)
    assert is_one_line(refused.value)


def test_this_machine_gets_the_wheel_of_its_own() -> None:
    here = Host.here()
    wheel = PINS.engine_for(here)
    assert (here.system, here.machine, wheel) in PINS.engines
    assert wheel.requirement == f"xllamacpp=={PINS.engine_version} --hash=sha256:{wheel.sha256}\n"


@pytest.mark.parametrize(
    ("output", "kind", "said"),
    [
        (
            "ERROR: Could not install packages due to an OSError: [Errno 28] No space left on device",
            GiveUp,
            "disk filled",
        ),
        (
            "WARNING: Retrying (...) NewConnectionError\nERROR: No matching distribution found",
            Retry,
            "no network",
        ),
        ("ERROR: No matching distribution found for x==1", GiveUp, "does not offer the pinned version"),
        (
            "ERROR: 403 for url https://user:word@host/simple",
            GiveUp,
            r"status 1: ERROR: 403 for url \(address\)$",
        ),
        ("", GiveUp, "it printed nothing"),
    ],
)
def test_complaints_of_pip_become_one_line(output: str, kind: type[QuarterdeckError], said: str) -> None:
    with pytest.raises(kind, match=said) as refused:
        raise complaint(Finished(1, output))
    assert is_one_line(refused.value)


def test_free_memory_is_that_of_the_control_group_where_it_is_smaller(tmp_path: Path) -> None:
    proc, groups = tmp_path / "proc", tmp_path / "groups"
    (proc / "self").mkdir(parents=True)
    (groups / "a.slice").mkdir(parents=True)
    assert free_memory(proc, groups) is None
    (proc / "meminfo").write_text("MemTotal: 4000 kB\nMemAvailable:    3000 kB\n")
    (proc / "self" / "cgroup").write_text("0::/a.slice\n")
    (groups / "a.slice" / "memory.max").write_text("max\n")
    (groups / "a.slice" / "memory.current").write_text("900000\n")
    assert free_memory(proc, groups) == 3000 * 1024
    (groups / "a.slice" / "memory.max").write_text("1000000\n")
    (groups / "a.slice" / "memory.stat").write_text("anon 700000\ninactive_file 200000\n")
    assert free_memory(proc, groups) == 300000


async def test_a_talkative_child_costs_a_fixed_amount_of_memory() -> None:
    process = EngineProcess()
    for _ in range(100):
        process.pipe_data_received(2, b"x" * 1000 + b"\n")
    assert len("".join(process.last_words())) <= STDERR_KEPT


@pytest.mark.parametrize(
    ("code", "words", "kind", "said"),
    [
        (
            1,
            "ImportError: libgomp.so.1: cannot open shared object file: No such file",
            GiveUp,
            "apt-get install libgomp1",
        ),
        (
            1,
            "ImportError: libfoo.so.2: cannot open shared object file",
            GiveUp,
            "library libfoo.so.2; install it$",
        ),
        (-signal.SIGILL, "", GiveUp, "processor with AVX2"),
        (-signal.SIGKILL, "", Retry, f"free {MEMORY_NEEDED / 1e6:.0f} MB"),
        (1, "a\nRuntimeError: b", Retry, "ended with status 1: RuntimeError: b"),
    ],
)
def test_the_cause_of_a_failed_start_is_told(code: int, words: str, kind: type[QuarterdeckError], said: str) -> None:
    with pytest.raises(kind, match=said):
        raise cause_of_death(code, tuple(words.splitlines()))
