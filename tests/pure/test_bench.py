"""The benchmark's own arithmetic: figures, CPU accounting, the proof, and the shape of its report."""

import sqlite3
from collections.abc import Sequence
from pathlib import Path

import msgspec
import pytest
from bench.figures import Figure, Measured, Target, figures, percentile
from bench.machine import Cpu, busy_seconds, cpu_of, resident_mb
from bench.postgresql import COMPARED, growth, named
from bench.promises import TARGETS
from bench.proof import PER_TURN, audited, durability, fates, log
from bench.records import Book
from bench.report import Setting, encode, on, result, table
from bench.server import spent
from bench.stages import STAGES, package_of, stage_figures
from hypothesis import given
from hypothesis import strategies as st

SETTING = Setting(load1=0.4, cpu="2 x test", commit="abc", database="sqlite")

# -- figures ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(("share", "expected"), [(0.0, 1.0), (0.5, 50.0), (0.99, 99.0), (0.991, 100.0), (1.0, 100.0)])
def test_percentile_is_a_nearest_rank(share: float, expected: float) -> None:
    assert percentile([float(n) for n in range(100, 0, -1)], share) == expected


def test_percentile_of_one_value_and_of_none() -> None:
    assert percentile([7.0], 0.99) == 7.0
    with pytest.raises(ValueError, match="no values"):
        percentile([], 0.5)


@given(st.lists(st.floats(0, 1e6), min_size=1), st.floats(0, 1))
def test_so_many_values_do_not_exceed_a_percentile(values: list[float], share: float) -> None:
    found = percentile(values, share)
    assert found in values
    assert sum(value <= found for value in values) >= share * len(values) - 1e-9


def test_figures_are_medians_of_the_rounds() -> None:
    targets = (Target("latency", "ms", 10.0), Target("rate", "1/s", 150.0, at_least=True), Target("shown", "ms"))
    rounds = [
        Measured({"latency": 9.0, "rate": 149.0}, 5),
        Measured({"latency": 30.0, "rate": 151.0, "shown": 3.0}, 5),
        Measured({"latency": 10.0, "rate": 140.0}, 5),
    ]
    latency, rate, shown = figures(targets, rounds)
    assert latency == Figure("latency", 10.0, "ms", 10.0, True, (9.0, 30.0, 10.0))
    assert (rate.value, rate.met) == (149.0, False)
    assert (shown.value, shown.target, shown.met) == (3.0, None, True)


def test_a_promise_that_was_not_measured_is_an_error() -> None:
    with pytest.raises(ValueError, match="latency was not measured"):
        figures((Target("latency", "ms", 10.0),), [Measured({}, 1)])


def test_a_figure_that_nobody_promised_is_an_error() -> None:
    with pytest.raises(ValueError, match="no target stands for latecny"):
        figures((Target("latency", "ms", 10.0),), [Measured({"latency": 1.0, "latecny": 1.0}, 1)])


# -- report ----------------------------------------------------------------------------------------


def made(
    *, load1: float = 0.4, others: float = 0.0, second_met: bool = True, paces: Sequence[float] = (5.0,)
) -> object:
    found = (
        Figure("p50", 4.56789, "ms", 10.0, True, (4.56789,)),
        Figure("p99", 60.0, "ms", 50.0, second_met, (60.0,)),
    )
    return result("S1", found, 150, 3, others, paces, msgspec.structs.replace(SETTING, load1=load1))


def decoded(*results: object) -> list[dict[str, object]]:
    return msgspec.json.decode(encode(results), type=list[dict[str, object]])  # type: ignore[arg-type]


def test_the_report_has_the_fields_that_others_read() -> None:
    (one,) = decoded(made())
    required = {"id", "value", "unit", "target", "met", "samples", "load1", "cpu", "commit", "database"}
    assert required <= one.keys()
    assert (one["id"], one["value"], one["unit"], one["target"], one["samples"]) == ("S1", 4.5679, "ms", 10.0, 150)


def test_a_promise_is_met_when_all_its_figures_are() -> None:
    assert decoded(made())[0]["met"] is True
    assert decoded(made(second_met=False))[0]["met"] is False


@pytest.mark.parametrize(
    ("load1", "others", "paces", "judged"),
    [
        (1.5, 0.2, (5.0, 9.0, 6.5), True),
        (1.6, 0.0, (5.0,), False),
        (0.1, 0.3, (5.0,), False),
        (0.1, 0.0, (5.0, 6.6, 6.7), False),
    ],
)
def test_a_busy_machine_is_said_and_hides_no_number(
    load1: float, others: float, paces: Sequence[float], judged: bool
) -> None:
    one = made(load1=load1, others=others, paces=paces)
    (shown,) = decoded(one)
    assert (shown["judged"], shown["load1"], shown["value"]) == (judged, load1, 4.5679)
    text = table([one])  # type: ignore[list-item]
    assert ("too busy to judge" in text) is not judged
    assert "4.568 ms" in text


def test_a_row_names_its_database() -> None:
    assert [on(SETTING, name).database for name in ("S2", "postgresql")] == ["sqlite", "postgresql"]


# -- CPU accounting --------------------------------------------------------------------------------


def process(proc: Path, pid: int, threads: dict[int, int]) -> None:
    for tid, nanoseconds in threads.items():
        task = proc / str(pid) / "task" / str(tid)
        task.mkdir(parents=True)
        (task / "schedstat").write_text(f"{nanoseconds} 999999999 42\n")
    (proc / str(pid) / "status").write_text("Name:\tx\nVmPeak:\t  9999 kB\nVmRSS:\t   62500 kB\n")


def test_cpu_of_all_threads(tmp_path: Path) -> None:
    process(tmp_path, 10, {10: 2_000_000_000, 11: 500_000_000, 12: 250_000_000})
    used = cpu_of(10, tmp_path)
    assert used == Cpu(2.0, 0.75)
    assert used.total == 2.75
    assert used.since(Cpu(1.0, 0.25)).share(2) == Cpu(0.5, 0.25)


def test_resident_memory_in_megabytes(tmp_path: Path) -> None:
    process(tmp_path, 10, {10: 1})
    assert resident_mb(10, tmp_path) == 64.0


def test_busy_time_leaves_out_idle_waiting_and_stolen_time() -> None:
    #              user nice system idle iowait irq softirq steal guest
    stat = "cpu  100 10 50 9000 800 4 6 700 30 0\ncpu0 1 1 1 1 1 1 1 1 1 1\n"
    assert busy_seconds(stat) == 1.7


def test_what_a_server_has_spent_counts_processes_that_came_and_leaves_out_those_that_went() -> None:
    assert spent({1: 5.0, 2: 7.0}, {1: 5.5, 3: 0.25}) == 0.75


def test_what_several_processes_bring_and_cost() -> None:
    values: dict[str, float] = {}
    for name, rate, own, server, statements in (
        ("1 process", 100.0, 3.0, 1.0, 40.0),
        ("2 processes", 150.0, 9.0, 9.0, 99.0),
        ("4 processes", 170.0, 3.4, 1.6, 44.0),
    ):
        values |= named(name, dict(zip(COMPARED, (rate, own, server, statements), strict=True)))
    assert list(growth(values).values()) == [1.5, 1.25, 1.1]
    assert growth(values).keys() <= {target.name for target in TARGETS["postgresql"]}


# -- records and proof -----------------------------------------------------------------------------


def book(tmp_path: Path, platform: Sequence[object], model: Sequence[object]) -> Book:
    for name, lines in (("platform", platform), ("model", model)):
        (tmp_path / name).write_bytes(b"".join(msgspec.json.encode(line) + b"\n" for line in lines))
    made = Book([tmp_path / "platform"], tmp_path / "model")
    made.read()
    return made


def inject(seq: int, at: float) -> object:
    return {"event": "inject", "at": at, "seq": seq}


def message(text: str, at: float, *, repeated: bool = False) -> object:
    return {"event": "message", "at": at, "text": text, "repeated": repeated}


def ask(n: int, text: str, at: float) -> object:
    return {"event": "request", "n": n, "at": at, "text": text}


def told(n: int, seconds: float, status: int = 200) -> object:
    return {"event": "end", "n": n, "seconds": seconds, "status": status}


PLATFORM = (inject(1, 100.0), {"event": "ack", "at": 100.2, "seqs": [1]}, message("re: hello", 101.5))
REFUSED = {"event": "end", "n": 9, "at": 1.0, "status": 409}
MODEL = (ask(1, "hello", 100.5), told(1, 0.75))


def test_times_of_one_message(tmp_path: Path) -> None:
    found = book(tmp_path, PLATFORM, MODEL)
    assert (found.offered[1], found.confirmed[1]) == (100.0, 100.2)
    assert (found.asked["hello"], found.answered["hello"], found.sent["hello"]) == (100.5, 101.25, 101.5)
    assert list(fates(found, {"hello": 1})) == []


def test_times_over_telegram(tmp_path: Path) -> None:
    platform = (
        {"event": "injected", "at": 100.0, "update_id": 7, "text": "hello"},
        {"event": "acked", "at": 100.2, "update_ids": [7], "offset": 8},
        {"event": "sent", "at": 101.5, "text": "re: hello"},
        {"event": "response", "at": 101.6, "status": 200},
    )
    found = book(tmp_path, platform, MODEL)
    assert (found.offered, found.confirmed, found.sent) == ({7: 100.0}, {7: 100.2}, {"hello": 101.5})
    assert list(fates(found, {"hello": 7})) == []


def test_numbers_of_several_platforms_do_not_meet(tmp_path: Path) -> None:
    paths = [tmp_path / "one", tmp_path / "two"]
    for path, at in zip(paths, (5.0, 6.0), strict=True):
        path.write_bytes(b"".join(msgspec.json.encode(inject(seq, at)) + b"\n" for seq in (1, 2)))
    found = Book(paths, tmp_path / "model")
    found.read()
    assert found.offered == {2: 5.0, 3: 6.0, 4: 5.0, 5: 6.0}
    assert [found.number(place, 2) for place in (0, 1)] == [4, 5]


def test_a_line_that_is_being_written_is_read_when_it_is_complete(tmp_path: Path) -> None:
    line = msgspec.json.encode(inject(1, 5.0)) + b"\n"
    (tmp_path / "platform").write_bytes(line[:10])
    found = Book([tmp_path / "platform"], tmp_path / "model")
    found.read()
    assert found.offered == {}
    (tmp_path / "platform").write_bytes(line)
    found.read()
    assert found.offered == {1: 5.0}


@pytest.mark.parametrize(
    ("platform", "model", "complaint"),
    [
        (PLATFORM[:2], MODEL, "1 of 1 messages were not sent"),
        (PLATFORM, (), "1 of 1 messages were not asked about"),
        ((*PLATFORM, message("re: hello", 102.0)), MODEL, "1 times: an answer that was sent twice"),
        ((*PLATFORM, message("re: hello", 102.0, repeated=True)), MODEL, "1 times: a send that is no first answer"),
        ((*PLATFORM, message("Something failed.", 102.0)), MODEL, "1 times: a send that is no first answer"),
        ((*PLATFORM, message("re: other", 102.0)), MODEL, "1 messages were sent that nobody said"),
        (PLATFORM, (*MODEL, ask(2, "hello", 103.0)), "1 times: a message that the model was asked twice about"),
        (PLATFORM, (MODEL[0], told(1, 0.75, 500)), "1 times: a request that the model answered with 500"),
        (
            (*PLATFORM, {"event": "end", "n": 9, "at": 1.0, "status": 409}),
            MODEL,
            "1 times: a request that the platform answered with 409",
        ),
    ],
)
def test_what_is_lost_doubled_or_wrong_is_said(
    tmp_path: Path, platform: Sequence[object], model: Sequence[object], complaint: str
) -> None:
    assert complaint in list(fates(book(tmp_path, platform, model), {"hello": 1}))


def leaves(leave_out: str = "", repeat: str = "") -> list[bytes]:
    kinds = [kind for kind in (*PER_TURN, "message.in") if kind != leave_out]
    if repeat:
        kinds.append(repeat)
    return [
        msgspec.json.encode({"type": kind, "turn": "" if kind == "message.in" else "t1", "resource": "i1", "v": 1})
        for kind in kinds
    ]


def test_audit_rows_of_a_turn_are_complete() -> None:
    assert list(audited({"i1": "t1"}, set(), leaves())) == []


def test_a_summary_is_no_second_answer(tmp_path: Path) -> None:
    past = (ask(2, "Ada: hello\nAssistant: re: hello", 102.0), told(2, 0.1))
    made = book(tmp_path, PLATFORM, (*MODEL, *past))
    assert (list(fates(made, {"hello": 1})), made.summaries) == ([], 1)
    beside = [
        msgspec.json.encode({"type": "model.intent", "turn": "t1", "id": "int_2"}),
        msgspec.json.encode({"type": "model.outcome", "turn": "t1", "id": "aud_2", "intent": "int_2"}),
    ]
    assert list(audited({"i1": "t1"}, {"int_2"}, [*leaves(), *beside])) == []
    assert len(list(audited({"i1": "t1"}, set(), [*leaves(), *beside]))) == 2


@pytest.mark.parametrize("kind", [*PER_TURN, "message.in"])
def test_a_missing_or_doubled_audit_row_is_said(kind: str) -> None:
    expected = [f"1 turns do not have exactly one audit row {kind}"]
    assert list(audited({"i1": "t1"}, set(), leaves(leave_out=kind))) == expected
    assert list(audited({"i1": "t1"}, set(), leaves(repeat=kind))) == expected


def test_a_turn_that_was_taken_up_may_ask_and_send_again_but_ends_once() -> None:
    for kind in (*PER_TURN, "message.in"):
        again = list(audited({"i1": "t1"}, set(), leaves(repeat=kind), killed=True))
        assert bool(again) is (kind in ("turn.end", "message.in"))
        assert list(audited({"i1": "t1"}, set(), leaves(leave_out=kind), killed=True))


def test_the_store_opens_with_full_durability(tmp_path: Path) -> None:
    database = tmp_path / "some.db"
    sqlite3.connect(database).close()
    assert list(durability(database)) == []


def test_log_lines_of_warnings_and_foreign_lines_are_said() -> None:
    fine = b'quarterdeck: ready at http://127.0.0.1:1\n{"event":"built","level":"info","at":"now"}\n'
    assert list(log(fine)) == []
    found = list(log(fine + b'{"event":"x","level":"warning"}\n{"level":"ERROR","event":"y"}\nTraceback\n'))
    assert [line.partition(":")[0] for line in found] == ["log", "log", "no log line"]


# -- stages ----------------------------------------------------------------------------------------


def test_stages_and_the_rest_add_up_to_the_cost() -> None:
    src = "/x/src/quarterdeck/"
    stats = {
        (src + "channels/telegram/receiving.py", 1, "_poll"): (1, 1, 0.1, 0.5, {}),
        (src + "channels/telegram/receiving.py", 2, "_accept_room"): (1, 1, 0.1, 1.0, {}),
        (src + "flow/intake.py", 3, "accept"): (1, 1, 0.9, 0.9, {}),
        (src + "flow/ending.py", 4, "answered"): (1, 1, 1.0, 2.0, {}),
        ("~", 0, "<built-in method x>"): (1, 1, 7.9, 7.9, {}),
    }
    found = stage_figures(stats, Cpu(0.004, 0.002), 10.0)
    assert found["stage: accept"] == pytest.approx(0.36)
    assert found["stage: receive"] == pytest.approx(0.24)
    assert found["stage: end"] == pytest.approx(0.8)
    assert found["stage: writer thread"] == pytest.approx(2.0)
    assert sum(found.values()) == pytest.approx(6.0)


def test_every_stage_begins_with_functions_that_exist() -> None:
    source = Path(__file__).parents[2] / "src/quarterdeck"
    for stage in STAGES:
        for file, function in (*stage.added, *stage.taken_off):
            (path,) = [path for path in source.rglob("*.py") if str(path).endswith(file)]
            assert f"def {function}(" in path.read_text(), f"{stage.name}: {file} has no {function}"


@pytest.mark.parametrize(
    ("file", "name", "package"),
    [
        ("/x/src/quarterdeck/store/inbox.py", "take", "quarterdeck.store"),
        ("/x/lib/python3.11/site-packages/aiohttp/client.py", "request", "aiohttp"),
        ("/usr/lib/python3.11/asyncio/tasks.py", "create_task", "standard library: asyncio/tasks.py"),
        ("<string>", "__init__", "standard library: <string>"),
        ("~", "<method 'execute' of 'sqlite3.Connection' objects>", "built in: sqlite3"),
        ("~", "<built-in method time.time>", "built in"),
    ],
)
def test_where_a_function_belongs(file: str, name: str, package: str) -> None:
    assert package_of(file, name) == package
