"""One example of everything that the doors take and give, as typed values: what does not fit its type cannot be here.

The OpenAPI document shows them. Parts of a value (the file of a message) are examples of their own types.
"""

from collections.abc import Iterator, Mapping
from typing import cast, get_args, get_origin

import msgspec

from quarterdeck.api import (
    alerts,
    amounts,
    asked,
    assistants,
    audit,
    connections,
    past,
    people,
    replicas,
    settings,
    shown,
    workspaces,
)
from quarterdeck.api.openai.examples import EXAMPLES as OPENAI
from quarterdeck.api.shown import moment

SESSION = "ses_4f0c1b6de2a94c7788d0a1b2c3"
TURN = "turn_01999e3b5c7a1f2e3d4c5b6a7988"
INBOX = "inb_01999e3b5c6a0f1e2d3c4b5a6978"
DELIVERY = "dlv_01999e3b5c8a2f3e4d5c6b7a8998"
TOKEN = "tok_01999e3b5c5a7f6e5d4c3b2a1908"  # noqa: S105  an id
DIGEST = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"
RELEASE = "5d41402abc4b2a765d41402abc4b2a76"
AT = moment(1_767_225_600.0)

PARAMETERS: Mapping[str, str] = {
    "id": SESSION,
    "digest": DIGEST,
    "name": "AGENTS.md",
    "model": "default",
    "connection": "tg",
    "version": "ver_01999e3b5c5a",
}
"""Pieces of paths, by name."""

_cost = amounts.Money("EUR", "0.000209", 209_000)
_tokens = amounts.Tokens(412, 0, 0, 6, 0)
_spent = amounts.Spent(1, 0, 0, _tokens, [_cost], ["main/llama3.2"])
_turn = shown.Turn(TURN, "ended", "answered", None, SESSION, 1, "main/llama3.2", RELEASE, "3b5c7a1f", AT, AT, _spent)
_line = shown.UsageLine(1, 0, 0, _tokens, [_cost])
_version = workspaces.Version("ver_01999e3b5c5a", "written", DIGEST, 24, TOKEN, AT)
_entry = audit.Entry(
    "aud_01999e3b5c7c", "sealed", AT, 17, "change.token.created", TOKEN, "done", "", "", "", "", "", "", TOKEN
)
_file = shown.File("notes.txt", "text/plain", 1200, DIGEST, "")

_GIVEN: tuple[msgspec.Struct, ...] = (
    # asked
    asked.CodeAsk(code="kq3Jr0mWc2vXl8nB5tYz1A"),
    asked.TokenAsk(name="ci", scopes=("chat", "read"), expires_seconds=2_592_000.0),
    asked.RotateAsk(overlap_seconds=3600.0),
    asked.NewSessionAsk(assistant="default", title="Travel plans"),
    asked.MessageAsk(text="What does this say?", attachments=(asked.NamedFile(digest=DIGEST, name="notes.txt"),)),
    asked.SessionChange(title="Travel plans for May"),
    asked.FileAsk(text="Answer in one sentence.\n"),
    asked.SettleAsk(outcome="sent", reason="Ada has it on her phone."),
    asked.ResendAsk(reason="The platform was down."),
    asked.DismissAsk(reason="Ada has read it on the page."),
    asked.RetryAsk(reason="The model is back."),
    alerts.AcknowledgeAsk(reason="I am on it."),
    past.ForkAsk(at="4.0"),
    people.LinkAsk(identity="idn_tg_1001", other="idn_matrix_ada", reason="Ada said so herself."),
    people.UnlinkAsk(identity="idn_tg_1001"),
    # given
    shown.Me(TOKEN, "ci", ["chat", "read"], [shown.AssistantInfo("default", "main/llama3.2", "")], ["What is new?"]),
    shown.Session(
        SESSION, "assistant", "default", "web", "room_web_conv", "Travel plans", "main/llama3.2", 4, AT, AT, None
    ),
    shown.Message(
        1, 0, "user", "What does this say?", TURN, AT,
        calls=[shown.Call("call_1", "time", "{}")], attachments=[_file], name="Ada", status="waiting",
    ),
    shown.Receipt(INBOX, SESSION, 1, "accepted", ""),
    shown.Upload(DIGEST, 1200, "text/plain", "notes.txt"),
    shown.InboxItem(
        INBOX, "ended", "answered", None, "web", SESSION, "message", "followup", 1, TURN, 1, "What is new?", AT, AT
    ),
    shown.TurnDetail(
        _turn,
        [shown.TurnStep("m1", "model", "All is well.", [], "stop")],
        [shown.Effect("int_01999e3b5c7b", "model", "m1", 1, "main/llama3.2", "done", AT, AT)],
        [INBOX],
        [DELIVERY],
        [
            amounts.ModelCall(
                "int_01999e3b5c7b", "m1", 1, "main", "llama3.2", "done", True, _tokens, _cost, "3b5c7a1f"
            )
        ],
    ),
    shown.DeliveryDetail(
        shown.Delivery(DELIVERY, "sent", "answer", "web", "room_web_conv", SESSION, TURN, 1, "All is well.", "", AT),
        [shown.DeliveryPart(0, "sent", "All is well.", "", "17", 1, 0, "", AT)],
    ),
    shown.Settled(DELIVERY, 1),
    connections.Connection(
        "tg", "paused", "telegram", "default", True, True, AT, AT, "bot @ada_bot", 2, 0.0,
        connections.Pause(AT, TOKEN, "The bot moves to another account."),
    ),
    connections.PauseAsk(reason="The bot moves to another account."),
    connections.Tried("tg", "ok", "bot @ada_bot"),
    shown.Status("0.1.0", "http://127.0.0.1:8420", AT, False, ["intake is closed"], 1, 0),
    alerts.ShownAlert(
        "alr_01999e3b5c7a", "acknowledged", "connection_dead", "tg", "tg cannot be reached: no route to host",
        "Everybody who writes to default on telegram", "Run `quarterdeck connections test tg`.", "Ada (a@x.org)",
        "docs/howto/runbooks/connection_dead.md", 1, AT, None, AT, TOKEN,
    ),
    replicas.Replica(
        "prc_01999e3b5c7a", "live", "one.example", 4242, "0.1.0", ["gateway", "worker", "scheduler"],
        ["audit", "connection:tg"], 3, "", AT, None, False,
    ),
    shown.Token(TOKEN, "rotating", "ci", ["chat", "read"], AT, None, AT, AT, AT),
    shown.NewToken(TOKEN, "qd_" + "x" * 43, ["chat", "read"], None, AT),
    assistants.Assistant(
        "default", "main/llama3.2", ["spare/qwen3"], ["time"], "followup", 0, 20, 300.0, 100_000, 0.0, "", "UTC",
        ["web", "api", "terminal"], [], RELEASE,
    ),
    _version,
    workspaces.VersionText(_version, "Answer in one sentence.\n", ["@@ -0,0 +1 @@", "+Answer in one sentence."]),
    shown.WorkspaceFile("default", "AGENTS.md", "Answer in one sentence.\n", RELEASE),
    past.FoundMessage("7", SESSION, 1, 0, "user", "What does [this] say?", "default", "web", "Travel plans", AT),
    people.KnownIdentity("idn_tg_1001", "allowed", "per_01999e3b", "tg", "1001", "Ada", AT),
    people.Linked("per_01999e3b", {"default": SESSION}),
    shown.Usage(AT, AT, ["model"], [msgspec.structs.replace(_line, model="main/llama3.2")], 0, _line),
    audit.EntryDetail(
        _entry, "operator", "", "", "8c1f" * 16, True, DIGEST,
        audit.Checkpoint(
            18, DIGEST, AT,
            "quarterdeck/default\n18\nn4bQgYhMfWWaL+qgxVrQFaO/TxsrC4Is0V1sFbDwCgg=\n"
            "time 2026-01-01T00:00:00.000000Z\nprevious 12\n\n\N{EM DASH} quarterdeck/default bm90IGEgc2lnbmF0dXJl\n",
        ),
    ),
    audit.Verification(
        "unchanged", AT, TOKEN, 18, 4, DIGEST, f"sha256:{DIGEST}", {"unclosed": 1},
        [audit.Finding("unclosed", 17, "model.intent int_01999e3b5c7b", "An effect is under way.")], 2, 0.3, None,
    ),
    settings.Configuration(
        "/srv/quarterdeck/quarterdeck.toml", DIGEST, ["server.port"],
        [settings.ShownSection("connections.tg", [settings.ShownSetting(
            "connections.tg.token", "env BOT_TOKEN", "file", False,
            [settings.SecretNamed("connections.tg.token", "env BOT_TOKEN", "")],
        )])],
    ),
    settings.Check("clock", "OK", "goes with the records", ""),
    settings.Browser("brw_0102030405060708090a0b0c", "signed_in", AT, AT),
    shown.Health("alive"),
    shown.Ready(False, ["intake is closed"]),
)  # fmt: skip


def example(kind: object) -> object:
    """An example of a type that a route takes or gives; None where there is none."""
    if get_origin(kind) is shown.Page:
        item = example(get_args(kind)[0])
        return None if item is None else shown.Page([item], "next")
    return by_type().get(kind)


def by_type() -> Mapping[object, msgspec.Struct]:
    """The examples and their parts by type; what stands by itself goes before what is a part of another."""
    whole = (*_GIVEN, *OPENAI)
    parts = {type(part): part for one in whole for part in _parts(one)}
    return {**parts, **{type(one): one for one in whole}}


def _parts(value: object) -> Iterator[msgspec.Struct]:
    if isinstance(value, msgspec.Struct):
        yield value
        for name in value.__struct_fields__:
            yield from _parts(getattr(value, name))
    elif isinstance(value, (list, tuple)):
        for item in cast("list[object]", value):
            yield from _parts(item)
