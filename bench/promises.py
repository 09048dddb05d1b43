"""Which promises are there, with which targets, and what else is measured? The first figure of each is its headline."""

from collections.abc import Mapping, Sequence

from bench.figures import Target

STAGES = ("receive", "accept", "take", "model", "end", "send", "seal", "rest of the loop", "writer thread")
"""Where the CPU of a turn goes; see stages.py."""

WIRES = ("openai-compatible", "openai-responses", "anthropic", "gemini")
"""The services whose calls are compared; see wires.py."""

SETTINGS = ("1 process", "2 processes", "4 processes", "1 process, 1 ms away")
"""On one PostgreSQL; see postgresql.py."""

TARGETS: Mapping[str, Sequence[Target]] = {
    "S1": (
        Target("added latency, p50", "ms", 10.0),
        Target("added latency, p99", "ms", 50.0),
        Target("inbound to model request, p50", "ms"),
        Target("model answer to send, p50", "ms"),
    ),
    "S2": (
        Target("turns per second", "1/s", 150.0, at_least=True),
        Target("CPU per turn under load", "ms"),
        Target("CPU of the stand-ins per turn", "ms"),
    ),
    "S3": (
        Target("CPU per turn", "ms", 6.0),
        Target("CPU per turn, 20 people at once", "ms"),
        *(Target(f"stage: {name}", "ms") for name in STAGES),
    ),
    "S4": (
        Target("cold start", "s", 1.0),
        Target("cold start, CPU", "s", 1.0),
        Target("imports", "s", 0.7),
        Target("first answer, over the model's time", "s", 0.3),
        Target("start to the answer of a message that waited", "s"),
    ),
    "S5": (
        Target("memory idle", "MB", 80.0),
        Target("memory per 1,000 known sessions", "MB", 2.0),
        Target("install", "MB", 120.0),
        Target("memory after 1,000 people at once", "MB"),
    ),
    "S6": (
        Target("CPU per turn, most over least", "ratio", 1.2),
        Target("1,000 to 10 stored messages", "ratio", 1.2),
        Target("100,000 to 10 stored messages", "ratio", 1.2),
        Target("100,000 to 10 sessions", "ratio", 1.2),
        Target("CPU per turn, 10 stored messages", "ms"),
        Target("CPU per turn, 1,000 stored messages", "ms"),
        Target("CPU per turn, 100,000 stored messages", "ms"),
        Target("CPU per turn, 10 sessions", "ms"),
        Target("CPU per turn, 100,000 sessions", "ms"),
    ),
    "M4": (
        Target("acknowledgement, p99", "ms", 100.0),
        Target("acknowledgement, p50", "ms"),
        Target("messages per second", "1/s"),
    ),
    "A4": (
        Target("entries per second", "1/s", 20_000.0, at_least=True),
        Target("the whole check", "s"),
    ),
    "pages": (
        Target("first byte of a page, p99", "ms", 100.0),
        Target("first byte of a page, p50", "ms"),
        Target("first byte of the first page after the start", "ms"),
        Target("memory of 500 open event streams", "MB"),
    ),
    "wires": (
        Target("CPU per call, dearest over cheapest", "ratio"),
        *(
            Target(f"{wire}{how}: {what}", "ms")
            for wire in WIRES
            for how in ("", ", 20 deltas")
            for what in ("CPU per call", "added, p50")
        ),
    ),
    "search": (
        Target("search of 100,000 messages, p99", "ms"),
        Target("search of 100,000 messages, p50", "ms"),
        Target("100,000 to 1,000 messages, p50", "ratio"),
        Target("a rare word, p50", "ms"),
        Target("a word of every message, p50", "ms"),
        Target("the beginning of a word, p50", "ms"),
        Target("within a session, p50", "ms"),
        Target("CPU per search", "ms"),
        Target("until a new message is found", "s"),
    ),
    "postgresql": (
        Target("1 process: turns per second", "1/s", 100.0, at_least=True),
        Target("turns per second, 2 processes to 1", "ratio", 1.0, at_least=True),
        Target("CPU per turn, 4 processes to 1", "ratio", 1.1),
        Target("statements per turn, 4 processes to 1", "ratio", 1.1),
        Target("failover_first_s", "s", 5.0),
        Target("failover_all_s", "s", 10.0),
        Target("open turns of the killed process", ""),
        *(Target(f"{setting}: turns per second", "1/s") for setting in SETTINGS[1:]),
        *(
            Target(f"{setting}: {what}", unit)
            for setting in SETTINGS
            for what, unit in (
                ("added latency, p50", "ms"),
                ("added latency, p99", "ms"),
                ("CPU per turn, processes", "ms"),
                ("CPU per turn, server", "ms"),
                ("statements per turn", ""),
                ("most of 4 connections in one process", ""),
            )
        ),
        Target("1 process, 1 ms away: round trips per turn", ""),
        Target("1 process, 1 ms away: round trip", "ms"),
        Target("1 process: KB per turn in the database", "KB"),
        Target("1 process: KB per turn in the database, nothing dead", "KB"),
    ),
}
