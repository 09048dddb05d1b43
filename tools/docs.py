"""Writes the generated reference pages: `make docs`; with --check, fails when a page is not as it would be written.

The pages are made from the code (settings, commands, catalogues) and from docs/reference/results: tests.json, which
this copies from the newest test run, and the newest result of the benchmark and of the kills.
"""

import argparse
import json
import re
import sys
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path

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
        shown = "<br>".join(f"`{test}`" for test in sorted(tests)) or "not built"
        result = "-" if not tests else "failed" if "failed" in tests.values() else "passed"
        lines.append(f"| {name} | {what} | {shown} | {result} |")
    return "\n".join(lines)


def alerts(proofs: Proofs) -> str:
    """alert | what | runbook | rule test | fault test | last result; a fault test is one of tests/faults."""
    lines = ["| alert | what | runbook | rule test | fault test | last result |", "|---|---|---|---|---|---|"]
    for name, what in ALERTS.items():
        tests = proofs.get(f"alert.{name}", {})
        faults = sorted(test for test in tests if test.startswith("tests/faults/"))
        rules = sorted(set(tests) - set(faults))
        shown = ["<br>".join(f"`{test}`" for test in some) or "not built" for some in (rules, faults)]
        result = "-" if not tests else "failed" if "failed" in tests.values() else "passed"
        page = f"[{name}](../{runbook(name).removeprefix('docs/')})"
        lines.append(f"| {name} | {what} | {page} | {shown[0]} | {shown[1]} | {result} |")
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


def newest(name: str) -> dict[str, object] | list[dict[str, object]] | None:
    """The result file of a suite, which carries its commit in its name: one is kept, the newest."""
    files = [path for path in RESULTS.glob(f"{name}-*.json") if re.fullmatch("[0-9a-f]+", path.stem[len(name) + 1 :])]
    if len(files) > 1:
        raise SystemExit(f"remove the older of {', '.join(sorted(path.name for path in files))}")
    return json.loads(files[0].read_text()) if files else None


def replicas() -> dict[str, str]:
    """What the newest long run of several processes has measured, by promise; each is the longest that was seen."""
    seen = newest("chaos")
    if not isinstance(seen, dict):
        return {}
    return {
        "R1": f"first {seen['failover_first_s']} s, all {seen['failover_all_s']} s ({seen['commit']})",
        "R3": f"{seen['pause_s']} s; {seen['pause_quiet_s']} s without a restart ({seen['commit']})",
    }


def promises() -> str:
    """The page of promises."""
    proofs, when = read_proofs()
    measured = {str(one["id"]): one for one in newest("bench") or [] if isinstance(one, dict)}
    lines = [
        "# Promises",
        f"Made by `make docs`. Tests last ran {when}. Figures are for 2 cores and local disk.",
        "| id | promise | figure | measured | proven by |\n|---|---|---|---|---|",
    ]
    rows: list[str] = []
    seen = replicas()
    for one in tomllib.loads((ROOT / "tools/promises.toml").read_text())["promise"]:
        tests = proofs.get(one["id"], {})
        passed = [test for test, result in tests.items() if result == "passed"]
        figure = measured.get(one["id"])
        value = seen.get(one["id"], "-") if figure is None else f"{figure['value']} {figure['unit']}"
        if figure is not None:
            value += f" ({'met' if figure['met'] else 'not met'}, load {figure['load1']}, {figure['commit']})"
        proof = "<br>".join(f"`{test}`" for test in sorted(passed)) or ("-" if figure else "**not yet proven**")
        rows.append(f"| {one['id']} | {one['text']} | {one['figure']} | {value} | {proof} |")
    lines[-1] += "\n" + "\n".join(rows)
    for name, what in LONG_RUNS.items():
        kills = newest(name)
        if isinstance(kills, dict):
            lines.append(f"{what}, newest long run: `{json.dumps(kills)}`")
    return "\n\n".join(lines) + "\n"


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
