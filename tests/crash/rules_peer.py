"""The rule as somebody who is asked over signed HTTP, and who outlives the gateway."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from tests.crash.rules import REASON, Rules, stamp
from tests.standins.hooks import Answer, receiver

BROKEN = {"before_model": Answer(status=500), "before_tool": Answer(body=b"?"), "before_send": Answer(hang=True)}
"""A failure, in another way at each place."""

DENIED = json.dumps({"deny": {"reason": REASON}}).encode()


@asynccontextmanager
async def rules_peer(journal: Path) -> AsyncIterator[str]:
    """Run one in this loop; its address."""
    rules = Rules(journal)
    async with receiver() as peer:

        def decide(call: dict[str, Any]) -> Answer:
            on, name, data = str(call["type"]), peer.ids[-1], call["data"]
            subject, session = data["subject"], str(data["about"].get("session", ""))
            if on.startswith("after_"):
                rules.tell(on, name, session, text_of(subject), str(data["outcome"]["state"]))
                return Answer(status=500, body=DENIED)  # that is to change nothing
            word = rules.ask(on, name, session, text_of(subject))
            if word == "change":
                return Answer(body=json.dumps({"change": changed(subject, name)}).encode())
            return Answer(body=DENIED) if word == "deny" else BROKEN[on]

        peer.decide = decide
        yield peer.url
    rules.close()


def text_of(subject: dict[str, Any]) -> str:
    """What a subject says."""
    match subject["place"]:
        case "model":
            return "\n".join(message["text"] for message in subject["messages"])
        case "tool":
            return json.dumps(subject["arguments"])
        case _:
            return str(subject["text"])


def changed(subject: dict[str, Any], name: str) -> dict[str, Any]:
    """What is asked for: a stamp."""
    match subject["place"]:
        case "model":
            told = [(str(one["text"]), one["role"]) for one in subject["messages"]]
            return {"messages": [f"{text} {stamp(name)}" if role == "user" else text for text, role in told]}
        case "tool":
            arguments = subject["arguments"]
            return {"arguments": {**arguments, "payload": {**arguments["payload"], "note": stamp(name)}}}
        case _:
            return {"text": f"{subject['text']} ({stamp(name)})"}
