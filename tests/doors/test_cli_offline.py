"""Commands without a running gateway: they take the lock and open the database themselves."""

import asyncio
import fcntl
import json
import re
import socket
import sqlite3
from collections.abc import Generator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from tests.doors.commands import LOOPBACK, SCRIPTED, Desk

RFC3339 = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z")


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path)


@contextmanager
def held(desk: Desk) -> Generator[None]:
    """Somebody else holds the data directory."""
    desk.data.mkdir(exist_ok=True)
    with (desk.data / "lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield


def inner(row: dict[str, object], name: str) -> list[dict[str, object]]:
    """The rows inside a row."""
    found = row[name]
    assert isinstance(found, list)
    return found


async def test_a_conversation_and_what_can_be_seen_of_it(desk: Desk) -> None:
    said = await desk.run("chat", "hello")
    assert (said.code, said.out) == (0, "You said: hello\n"), said.err
    assert (await desk.run("chat", stdin="from a pipe")).out == "You said: from a pipe\n"
    (session,) = await desk.rows("sessions", "list")
    assert (session["state"], session["connection"]) == ("assistant", "terminal")
    shown = (await desk.run("sessions", "show", str(session["id"]), "--json")).row
    assert [message["text"] for message in inner(shown, "messages")] == [
        "hello",
        "You said: hello",
        "from a pipe",
        "You said: from a pipe",
    ]
    newest, oldest = await desk.rows("turns", "list")
    turn = (await desk.run("turns", "show", str(newest["id"]), "--json")).row
    assert turn["state"] == "answered"
    assert [(row["kind"], row["state"]) for row in inner(turn, "intents")] == [("model", "done")]
    assert [(row["kind"], row["state"]) for row in inner(turn, "deliveries")] == [("answer", "sent")]
    assert isinstance(turn["tokens"], dict)
    assert turn["tokens"]["output"] > 0
    assert await desk.rows("turns", "list", "--cursor", str(newest["id"])) == [oldest]
    assert (await desk.rows("status"))[0]["state"] == "stopped"


@pytest.mark.parametrize("noun", ["sessions", "turns", "inbox", "deliveries", "token", "audit"])
async def test_lists_are_json_lines_that_can_be_paged(desk: Desk, noun: str) -> None:
    for text, room in (("one", "a"), ("two", "b"), ("three", "c")):
        assert (await desk.run("chat", text, "--room", room)).code == 0
        assert (await desk.run("token", "create", "--name", room, "--scope", "read")).code == 0
    everything = await desk.rows(noun, "list")
    assert len(everything) >= 3
    for row in everything:
        assert isinstance(row["id"], str)
        assert row["state"]
        assert RFC3339.fullmatch(str(row["created_at"]))
    first = await desk.rows(noun, "list", "--limit", "2")
    rest = await desk.rows(noun, "list", "--limit", "200", "--cursor", str(first[-1]["id"]))
    seen = [row["id"] for row in (*first, *rest)]
    if noun != "audit":  # sealing meanwhile changes no id
        assert seen == [row["id"] for row in everything]
    assert len(seen) == len(set(seen)) == len(everything)
    table = (await desk.run(noun, "list")).out.splitlines()
    head = ["ID", "UPDATED_AT"] if noun == "sessions" else ["ID", "STATE"]  # who answers there is no news to people
    assert table[0].split()[:2] == head
    assert len(table) == len(everything) + 1


async def test_tokens_and_sign_in_work_before_the_first_start(desk: Desk) -> None:
    words = ("token", "create", "--name", "ci", "--scope", "chat", "--scope", "read")
    made = (await desk.run(*words, "--expires", "30d", "--json")).row
    assert str(made["token"]).startswith("qd_")
    assert made["scopes"] == ["chat", "read"]
    assert RFC3339.fullmatch(str(made["expires_at"]))
    assert (await desk.run("token", "rotate", str(made["id"]), "--overlap", "soon")).code == 2
    new = (await desk.run("token", "rotate", str(made["id"]), "--overlap", "1h", "--json")).row
    assert (new["id"], new["scopes"], new["expires_at"]) == (made["id"], made["scopes"], made["expires_at"])
    assert new["token"] != made["token"]
    (listed,) = await desk.rows("token", "list")
    assert (listed["state"], listed["previous_until"], listed["used_at"]) == ("rotating", new["previous_until"], None)
    assert (await desk.run("token", "revoke", str(made["id"]))).code == 0
    assert [row["state"] for row in await desk.rows("token", "list")] == ["revoked"]
    assert (await desk.run("signin")).code == 1  # no port is known
    desk.write(SCRIPTED.format(model="scripted/echo").replace("port = 0", "port = 8421"))
    link = (await desk.run("signin", "--json")).row
    assert re.fullmatch(r"http://127\.0\.0\.1:8421/signin#[\w-]{22}", str(link["url"]))


@pytest.mark.own_database
async def test_the_record_is_sealed_and_can_be_verified_and_exported(desk: Desk) -> None:
    none = await desk.run("audit", "verify")
    assert (none.code, "no record" in none.err) == (1, True)
    assert (await desk.run("chat", "hello")).code == 0
    assert {row["state"] for row in await desk.rows("audit", "list")} == {"sealed"}
    assert (await desk.run("audit", "verify", "--json")).row["ok"] is True
    bundle = desk.folder / "bundle"
    assert (await desk.run("audit", "export", str(bundle))).code == 0
    assert (bundle / "audit.pub").exists()
    assert "exists already" in (await desk.run("audit", "export", str(bundle))).err
    with closing(sqlite3.connect(desk.data / "quarterdeck.db")) as file, file:
        file.execute("UPDATE audit SET leaf = replace(leaf, 'turn.end', 'turn.bent') WHERE instr(leaf, 'turn.end')")
    assert (await desk.run("audit", "verify")).code == 1


async def test_a_refused_configuration_is_78_and_names_everything(desk: Desk) -> None:
    desk.write('[server]\nprot = 1\n[providers.a]\nkind = "openai-compatibel"\n')
    for words in (("config", "check"), ("up",), ("sessions", "list"), ("doctor",)):
        said = await desk.run(*words)
        assert said.code == 78, words
        shown = said.out if words == ("doctor",) else said.err
        assert "server.prot" in shown
        assert "Did you mean port?" in shown
        assert "assistants.default.model" in shown
        assert "Traceback" not in said.err


async def test_config_check_also_looks_at_the_tables_of_channels(desk: Desk) -> None:
    desk.write('[connections.tg]\nchannel = "telegram"\ntokn = { env = "T" }\n')
    said = await desk.run("config", "check")
    assert said.code == 78
    assert "connections.tg.tokn" in said.err
    schema = json.loads((await desk.run("config", "check", "--json-schema")).out)
    assert schema["title"] == "Quarterdeck"


async def test_a_directory_that_another_process_holds_is_3(desk: Desk) -> None:
    with held(desk):
        up, listed = await asyncio.gather(desk.run("up"), desk.run("sessions", "list"))
    assert (up.code, listed.code) == (3, 3)
    assert "another process holds" in up.err
    assert "takes no commands: it starts, or it ends" in listed.err
    assert "status" not in listed.err, "that is what was asked"
    assert (await desk.run("sessions", "list")).code == 0


@pytest.mark.own_database
async def test_a_newer_database_is_4(desk: Desk) -> None:
    assert (await desk.run("sessions", "list")).code == 0
    with closing(sqlite3.connect(desk.data / "quarterdeck.db")) as file, file:
        file.execute("INSERT INTO schema_migrations VALUES (9999, 'later', 0)")
    for words in (("up",), ("sessions", "list")):
        said = await desk.run(*words)
        assert said.code == 4
        assert "install the newer version" in said.err


async def test_what_does_not_exist_is_1_and_said_in_a_line(desk: Desk) -> None:
    for words in (
        ("sessions", "show", "ses_9"),
        ("sessions", "reset", "ses_9"),
        ("sessions", "list", "--cursor", "ses_9"),
        ("turns", "show", "turn_9"),
        ("inbox", "retry", "inb_9"),
        ("deliveries", "resend", "dlv_9"),
        ("deliveries", "settle", "dlv_9", "sent"),
        ("pairing", "approve", "00000000"),
        ("token", "revoke", "tok_9"),
        ("connections", "test", "nowhere"),
        ("models", "test", "nobody"),
        ("config", "reload"),
    ):
        said = await desk.run(*words)
        assert said.code == 1, (words, said)
        assert len(said.err.splitlines()) == 1, (words, said.err)
        assert said.err.startswith("quarterdeck: ")


async def test_a_gateway_that_does_not_answer_is_told_from_one_that_does(desk: Desk) -> None:
    desk.data.mkdir()
    with closing(socket.socket(socket.AF_UNIX)) as listening:
        listening.bind(str(desk.data / "control.sock"))
        listening.listen()
        said = await desk.run("status")
    assert said.code == 1
    assert "does not answer within 5 s" in said.err


@pytest.mark.own_database
async def test_an_unforeseen_error_is_one_line_unless_it_is_asked_for(desk: Desk) -> None:
    desk.data.mkdir()
    (desk.data / "quarterdeck.db").write_text("this is no database at all" * 100)
    said = await desk.run("sessions", "list")
    assert said.code == 1
    assert len(said.err.splitlines()) == 1
    assert "QUARTERDECK_DEBUG=1" in said.err
    debugged = await desk.run("sessions", "list", environ={"QUARTERDECK_DEBUG": "1"})
    assert debugged.code == 1
    assert "Traceback" in debugged.err


async def test_doctor_finds_what_is_wrong(desk: Desk) -> None:
    assert (await desk.run("doctor")).code == 0
    states = {row["id"]: row["state"] for row in await desk.rows("doctor")}
    assert states["database"] == states["port"] == states["model scripted"] == "OK"
    with closing(socket.socket()) as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        desk.write(SCRIPTED.format(model="scripted/echo").replace("port = 0", f"port = {port}"))
        said = await desk.run("doctor", "--json")
    assert said.code == 1
    assert [row["id"] for row in said.rows if row["state"] == "FAIL"] == ["port"]
    assert all(row["fix"] for row in said.rows if row["state"] != "OK")


async def test_looking_needs_no_secret_of_a_connection_and_testing_does(desk: Desk) -> None:
    desk.write(SCRIPTED.format(model="scripted/echo") + LOOPBACK.format(url="http://127.0.0.1:1", policy="open"))
    without = {"LOOP_TOKEN": ""}
    said = await desk.run("connections", "list", "--json", environ=without)
    assert {row["id"] for row in said.rows} == {"web", "api", "terminal", "loop"}, said.err
    for words in (("connections", "test"), ("up",), ("doctor",)):
        said = await desk.run(*words, environ=without)
        assert said.code == 78, words
        assert "LOOP_TOKEN" in said.err + said.out
