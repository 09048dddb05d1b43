"""Writes the generated reference pages: `make docs`; with --check, fails when a page is not as it would be written.

The pages are made from the code (settings, commands, catalogues) and from docs/reference/results: tests.json, which
this copies from the newest test run, and the newest result of the benchmark and of the kills.
"""

import argparse
import json
import re
import sys
import tomllib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import groupby
from pathlib import Path
from typing import Any, NamedTuple

from quarterdeck.base.config_docs import reference_markdown
from quarterdeck.base.crash import PLACES
from quarterdeck.base.secrets import SecretRef
from quarterdeck.channels.loopback.settings import LoopbackSettings
from quarterdeck.channels.telegram.able import capabilities as telegram
from quarterdeck.cli.reference import reference_markdown as command_line
from quarterdeck.flow.catalogue import (
    ALERTS,
    CHANNELS,
    CHAT_COMMANDS,
    CONTEXT,
    EVENTS,
    HOOKS,
    PLUGINS,
    PROVIDERS,
    TOOLS,
    TOUR,
    USAGE,
    V1,
)
from quarterdeck.model.alert import runbook
from quarterdeck.model.turn import InboxOutcome
from quarterdeck.providers.openai_compatible.reference import reference_markdown as presets
from quarterdeck.store.operations import OPERATIONS

ROOT = Path(__file__).resolve().parents[1]
REFERENCE = ROOT / "docs/reference"
RESULTS = REFERENCE / "results"
PROOFS = ROOT / "test-results/proofs.json"
NAMED = 4  # tests that are named in one place; of more only their number is told
Proofs = Mapping[str, Mapping[str, str]]
"""Feature -> test -> result."""


def read_proofs() -> tuple[Proofs, str]:
    """What tests proved when they last ran, and when that was."""
    file = RESULTS / "tests.json"
    if not file.exists():
        return {}, "never"
    found = json.loads(file.read_text())
    return found["features"], f"{found['at']} at {found['commit']}"


def table(kind: str, features: Mapping[str, str], proofs: Proofs) -> str:
    """feature | test | last result; a row without a test says that it is not built."""
    lines = [f"| {kind} | what | test | last result |", "|---|---|---|---|"]
    for name, what in features.items():
        tests = proofs.get(f"{kind}.{name}", {})
        result = "-" if not tests else "failed" if "failed" in tests.values() else "passed"
        lines.append(f"| {name} | {what} | {cell(tests)} | {result} |")
    return "\n".join(lines)


def cell(tests: Iterable[str]) -> str:
    """Tests by name, or if they are many how many of each file."""
    names = sorted(tests)
    if len(names) <= NAMED:
        return "<br>".join(f"`{test}`" for test in names) or "not built"
    return "<br>".join(f"`{file}`: {tests_of(some)}" for file, some in files_of(names))


def files_of(tests: Iterable[str]) -> Iterator[tuple[str, Sequence[str]]]:
    """The tests of each file, of some in order."""
    for file, some in groupby(tests, key=lambda test: test.partition("::")[0]):
        yield file, list(some)


def alerts(proofs: Proofs) -> str:
    """alert | what | runbook | rule test | fault test | last result; a fault test is one of tests/faults."""
    lines = ["| alert | what | runbook | rule test | fault test | last result |", "|---|---|---|---|---|---|"]
    for name, what in ALERTS.items():
        tests = proofs.get(f"alert.{name}", {})
        faults = sorted(test for test in tests if test.startswith("tests/faults/"))
        rules = sorted(set(tests) - set(faults))
        result = "-" if not tests else "failed" if "failed" in tests.values() else "passed"
        page = f"[{name}](../{runbook(name).removeprefix('docs/')})"
        lines.append(f"| {name} | {what} | {page} | {cell(rules)} | {cell(faults)} | {result} |")
    return "\n".join(lines)


def catalogue() -> str:
    """The page of everything that can be counted."""
    proofs, when = read_proofs()
    outcomes = dict.fromkeys(InboxOutcome.__args__, "how an accepted act may end")
    parts = [
        "# What is built",
        f"Made by `make docs` from the code and from the test run of {when}.",
        table("channel", CHANNELS, proofs),
        table("provider", PROVIDERS, proofs),
        table("tool", TOOLS, proofs),
        table("context", CONTEXT, proofs),
        table("v1", V1, proofs),
        table("plugin", PLUGINS, proofs),
        table("hook", HOOKS, proofs),
        table("event", EVENTS, proofs),
        table("command", CHAT_COMMANDS, proofs),
        table("usage", USAGE, proofs),
        alerts(proofs),
        table("outcome", outcomes, proofs),
        table("tour", TOUR, proofs),
        "Durable operations, each with a crash point before and after it:",
        "\n".join(f"- `{name}`: {what}" for name, what in OPERATIONS.items()),
        "Further crash points: " + ", ".join(f"`{place}`" for place in PLACES) + ".",
    ]
    return "\n\n".join(parts) + "\n"


def channels() -> str:
    """The page of what each channel can do, from what it declares itself."""
    token = SecretRef(env="T")
    loopback = LoopbackSettings(api_root="", token=token, keys=True, file_bytes=1_000_000, buttons=True, reactions=True)
    declared = {
        "telegram": telegram(),
        'telegram, `streaming = "edit"`': telegram("edit"),
        'telegram, `streaming = "draft"`': telegram("draft"),
        "loopback, `keys`, `buttons` and `reactions` on, `file_bytes = 1000000`": loopback.capabilities,
    }
    asked = (
        "text of one message",
        "a growing answer",
        "typing",
        "reactions",
        "files in",
        "files out",
        "buttons",
        "repeats by key",
    )
    lines = [f"| connection | {' | '.join(asked)} |", "|---" * (1 + len(asked)) + "|"]
    for name, able in declared.items():
        grows = "one message, edited" if able.edits else "the platform's drafts" if able.drafts else "-"
        out = f"up to {able.file_bytes / 1e6:g} MB" if able.file_bytes else "-"
        bounds = able.buttons
        buttons = f"{bounds.most}, {bounds.abreast} in a row" if bounds else "-"
        keys = f"within {able.idempotency_window:g} s" if able.idempotent_sends else "-"
        typing, reacts, files = ("yes" if yes else "-" for yes in (able.typing, able.reactions, able.files_in))
        lines.append(
            f"| {name} | {able.text_limit} | {grows} | {typing} | {reacts} | {files} | {out} | {buttons} | {keys} |"
        )
    said = (
        "Made by `make docs` from what the channels declare; `quarterdeck.testing.channel` checks that they keep it.\n"
        "Lengths are in the platform's own unit (Telegram: UTF-16 code units). `web`, `api` and `terminal` need no\n"
        "channel: what is said there is a row."
    )
    return "\n\n".join(("# What channels can do", said, "\n".join(lines))) + "\n"


LONG_RUNS = {
    "crash": "Kills at random times",
    "crash-points": "Kills at every point of every scenario",
    "chaos": "Kills and other troubles of three processes on one database",
}
LONG_RUNS_SAY = """The newest complete one of each kind. None is expected to find anything; what it found stands here
until the next one, though it may be mended. `other` is what breaks an order, a history, the record or a budget, or
what a process said that it should not have to say."""
COUNTED = {"M1": "lost", "M2": "doubled", "M3": "other", "R2": "double_commits", "A1": "unclosed_intents"}
BENCHMARKS = ("bench", "bench-verifying", "bench-postgresql")
COUNTS = ("kills", "acts", "lost", "doubled", "double_commits", "unclosed_intents", "other")


def newest(name: str) -> Any:
    """The result file of a suite, which carries its commit in its name: one is kept, the newest. None without one."""
    files = [path for path in RESULTS.glob(f"{name}-*.json") if re.fullmatch("[0-9a-f]+", path.stem[len(name) + 1 :])]
    if len(files) > 1:
        raise SystemExit(f"remove the older of {', '.join(sorted(path.name for path in files))}")
    return json.loads(files[0].read_text()) if files else None


class Seen(NamedTuple):
    """A figure of a promise as it was measured: `target` in words, empty where none is set."""

    promise: str
    name: str
    value: str
    target: str
    met: bool
    source: str


def measured() -> list[Seen]:
    """What the newest benchmark and the newest long run have measured."""
    return [*benchmark(), *replicas(), *findings()]


def benchmark() -> Iterator[Seen]:
    """Every promised figure of the benchmark and its parts that ran apart; PostgreSQL belongs to two promises."""
    for one in [row for suite in BENCHMARKS for row in newest(suite) or []]:
        where = f"benchmark of {one['commit'][:12]}, load {one['load1']}" + ("" if one["judged"] else ", **busy**")
        for figure in one["figures"]:
            if figure["target"] is None:
                continue
            promise, name = one["id"], figure["name"]
            if promise == "postgresql":
                promise, name = ("R1" if name.startswith("failover") else "S2"), f"PostgreSQL, {name}"
            at_least = figure["met"] == (figure["value"] >= figure["target"])
            target = f"{'>=' if at_least else '<='} {shown(figure['target'])} {figure['unit']}"
            yield Seen(promise, name, f"{shown(figure['value'])} {figure['unit']}", target, figure["met"], where)


def shown(value: float) -> str:
    """Three digits say enough."""
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def replicas() -> Iterator[Seen]:
    """The longest that was seen in the newest long run of several processes."""
    seen = newest("chaos")
    if seen is None:
        return
    for promise, name, field, most in (
        ("R1", "first resumed, longest", "failover_first_s", 5),
        ("R1", "all resumed, longest", "failover_all_s", 10),
        ("R3", "pause, longest", "pause_s", 2),
    ):
        value = seen[field]
        yield Seen(promise, name, f"{value:g} s", f"<= {most} s", value <= most, f"chaos of {seen['commit'][:12]}")


def findings() -> Iterator[Seen]:
    """What all long runs together have found."""
    runs = [run for name in LONG_RUNS if (run := newest(name))]
    kills = sum(run["kills"] for run in runs)
    for promise, count in COUNTED.items():
        found = sum(run[count] for run in runs)
        yield Seen(promise, count.replace("_", " "), f"{found} in {kills:,} kills", "0", found == 0, "long runs, below")


def promises() -> str:
    """The page of promises: the table, then what was measured, the long runs, and the tests."""
    proofs, when = read_proofs()
    figures = measured()
    rows: list[str] = []
    tests: list[str] = []
    for one in tomllib.loads((ROOT / "tools/promises.toml").read_text())["promise"]:
        mine = [figure for figure in figures if figure.promise == one["id"]]
        passed = sorted(test for test, result in proofs.get(one["id"], {}).items() if result == "passed")
        value = "<br>".join(f"{figure.value} {'' if figure.met else '**not met**'}".strip() for figure in mine) or "-"
        proof = f"[{tests_of(passed)}](#{one['id'].lower()})" if passed else "-" if mine else "**not yet proven**"
        rows.append(f"| {one['id']} | {one['text']} | {one['figure']} | {value} | {proof} |")
        if passed:
            tests.append(f"### {one['id']}\n\n" + "\n".join(by_file(passed)))
    parts = [
        "# Promises",
        f"Made by `make docs`. Tests last ran {when}. Figures are for 2 cores and local disk.",
        "| id | promise | figure | measured | proven by |\n|---|---|---|---|---|\n" + "\n".join(rows),
        "## Measured",
        figures_table(figures),
        "## Long runs",
        LONG_RUNS_SAY,
        long_runs(),
        "## Tests",
        *tests,
    ]
    return "\n\n".join(parts) + "\n"


def figures_table(figures: Sequence[Seen]) -> str:
    """A row for every promised figure."""
    lines = ["| id | figure | value | target | met | source |", "|---|---|---|---|---|---|"]
    for one in sorted(figures, key=lambda one: one.promise):
        met = "yes" if one.met else "**no**"
        lines.append(f"| {one.promise} | {one.name} | {one.value} | {one.target} | {met} | {one.source} |")
    return "\n".join(lines)


def tests_of(tests: Sequence[str]) -> str:
    """How many they are."""
    return f"{len(tests)} test{'' if len(tests) == 1 else 's'}"


def by_file(tests: Sequence[str]) -> Iterator[str]:
    """A line for every file: its tests, or how many they are."""
    for file, some in files_of(tests):
        names = [f"`{test.partition('::')[2]}`" for test in some]
        yield f"- `{file}`: {', '.join(names) if len(names) <= NAMED else tests_of(names)}"


def long_runs() -> str:
    """A row for the newest run of each kind."""
    lines = [f"| run | commit | {' | '.join(COUNTS).replace('_', ' ')} |", "|---|---" + "|---" * len(COUNTS) + "|"]
    for name, what in LONG_RUNS.items():
        if run := newest(name):
            lines.append(f"| {what} | {run['commit'][:12]} | {' | '.join(str(run[one]) for one in COUNTS)} |")
    return "\n".join(lines)


def pages() -> dict[Path, str]:
    """Every generated page."""
    return {
        REFERENCE / "configuration.md": reference_markdown(),
        REFERENCE / "command-line.md": command_line(),
        REFERENCE / "presets.md": presets(),
        REFERENCE / "catalogue.md": catalogue(),
        REFERENCE / "channels.md": channels(),
        REFERENCE / "promises.md": promises(),
    }


def take_proofs() -> None:
    """Keep what the newest complete test run proved."""
    if not PROOFS.exists():
        return
    kept = json.loads(PROOFS.read_text())
    (RESULTS / "tests.json").write_text(json.dumps(kept, indent=1, sort_keys=True) + "\n")


def main(arguments: Sequence[str]) -> int:
    """Write the pages, or check them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true")
    if not parser.parse_args(arguments).check:
        take_proofs()
        for page, text in pages().items():
            page.write_text(text)
        return 0
    stale = [page.name for page, text in pages().items() if not page.exists() or page.read_text() != text]
    if stale:
        print(f"stale: {', '.join(stale)}; run `make docs`")
    return 1 if stale else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
