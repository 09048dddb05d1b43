"""Commands beside a running gateway: through its control socket, with the same output."""

import asyncio
import signal
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.doors.commands import LOOPBACK, SCRIPTED, Desk
from tests.standins.loopback import Fault, Inject, LoopbackStandin, Room, loopback_standin
from tests.waiting import until


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path)


@pytest.fixture
async def platform() -> AsyncIterator[LoopbackStandin]:
    async with loopback_standin() as running:
        yield running


def wire(desk: Desk, platform: LoopbackStandin, *, model: str = "scripted/echo", policy: str = "open") -> None:
    desk.write(SCRIPTED.format(model=model) + LOOPBACK.format(url=platform.url, policy=policy))


async def listed(desk: Desk, *words: str, count: int = 1) -> list[dict[str, object]]:
    """The rows of a list once there are so many."""
    found: list[dict[str, object]] = []

    async def enough() -> bool:
        found[:] = await desk.rows(*words)
        return len(found) >= count

    await until(enough, 40, " ".join(words))
    return found


def bot(platform: LoopbackStandin, room: str = "r1") -> list[str]:
    return [entry.text for entry in platform.messages(room) if entry.author == "bot"]


async def types(desk: Desk) -> list[object]:
    """The kinds of the newest records."""
    return [row["type"] for row in await desk.rows("audit", "list", "--limit", "200")]


async def test_status_and_lists_of_a_running_gateway_are_those_without_one(desk: Desk) -> None:
    async with desk.gateway() as process:
        assert (await desk.run("chat", "hello")).out == "You said: hello\n"
        status = (await desk.run("status", "--json")).row
        assert (status["state"], status["pid"], status["reasons"]) == ("ready", process.pid, [])
        assert (await desk.run("doctor")).code == 0
        nouns = ("sessions", "turns", "inbox", "deliveries", "token", "models", "audit")
        beside = [await desk.rows(noun, "list") for noun in nouns[:-1]]
        link = (await desk.run("signin", "--json")).row
        assert str(link["url"]).startswith(f"{status['url']}/signin#")
    without = [await desk.rows(noun, "list") for noun in nouns[:-1]]
    assert beside == without
    assert "change.signin.code" in await types(desk)
    assert (await desk.run("audit", "verify")).code == 0
    assert not (desk.data / "control.sock").exists()


async def test_a_delivery_of_unknown_fate_is_settled_or_sent_again(desk: Desk, platform: LoopbackStandin) -> None:
    wire(desk, platform)
    async with desk.gateway():
        platform.fault(Fault(route="messages", kind="drop_after"))
        platform.inject(Inject(text="first"))
        (lost,) = await listed(desk, "deliveries", "list", "--state", "unknown")
        refused = await desk.run("deliveries", "settle", "dlv_9", "sent")
        assert refused.code == 1
        said = await desk.run(
            "deliveries", "settle", str(lost["id"]), "sent", "--reason", "it is in the room", "--json"
        )
        assert said.row == {"id": lost["id"], "state": "sent", "parts": 1}
        again = await desk.run("deliveries", "settle", str(lost["id"]), "failed")
        assert (again.code, "it is sent" in again.err) == (1, True)

        platform.fault(Fault(route="messages", kind="drop_before"))
        platform.inject(Inject(text="second"))
        (lost,) = await listed(desk, "deliveries", "list", "--state", "unknown")
        assert (await desk.run("deliveries", "resend", str(lost["id"]), "--reason", "asked for")).code == 0
        await until(lambda: len(bot(platform)) == 2, 20, "the repeat")
        assert bot(platform) == ["You said: first", "(This may be a repeat.)\nYou said: second"]
        await listed(desk, "deliveries", "list", "--state", "sent", count=2)
        assert (await desk.run("deliveries", "resend", str(lost["id"]))).code == 1
        platform.fault(Fault(route="messages", kind="drop_after"))
        platform.inject(Inject(text="third"))
        (lost,) = await listed(desk, "deliveries", "list", "--state", "unknown")
        early = await desk.run("deliveries", "dismiss", str(lost["id"]))
        assert (early.code, "it is unknown" in early.err) == (1, True)
        assert (await desk.run("deliveries", "settle", str(lost["id"]), "failed")).code == 0
        left = await desk.run("deliveries", "dismiss", str(lost["id"]), "--reason", "told in person", "--json")
        assert left.row == {"id": lost["id"], "state": "dismissed", "parts": 1}
        await listed(desk, "deliveries", "list", "--state", "dismissed")
        kinds = {f"change.delivery.{done}" for done in ("settle", "resend", "dismiss")}
        assert kinds <= set(await types(desk))
    assert (await desk.run("audit", "verify")).code == 0


async def test_a_resend_without_a_gateway_leaves_with_the_next_start(desk: Desk, platform: LoopbackStandin) -> None:
    wire(desk, platform)
    async with desk.gateway():
        platform.fault(Fault(route="messages", kind="drop_before"))
        platform.inject(Inject(text="once"))
        (lost,) = await listed(desk, "deliveries", "list", "--state", "unknown")
    assert (await desk.run("deliveries", "resend", str(lost["id"]))).code == 0
    assert bot(platform) == []
    async with desk.gateway():
        await until(lambda: bot(platform) == ["(This may be a repeat.)\nYou said: once"], 20, "the repeat")


async def test_a_stranger_is_let_in_by_the_code(desk: Desk, platform: LoopbackStandin) -> None:
    wire(desk, platform, policy="pairing")
    async with desk.gateway():
        platform.inject(Inject(text="let me in"))
        (asked,) = await listed(desk, "pairing", "list", "--state", "asked")
        await until(lambda: bot(platform), 20, "the code")
        assert str(asked["code"]) in bot(platform)[0]
        assert (asked["connection"], asked["name"]) == ("loop", "Ada")
        said = await desk.run("pairing", "approve", str(asked["code"]).lower(), "--json")
        assert (said.row["state"], said.row["name"]) == ("allowed", "Ada")
        await until(lambda: len(bot(platform)) == 2, 20, "the greeting")
        assert "let in" in bot(platform)[1]
        assert (await desk.run("pairing", "approve", str(asked["code"]))).code == 1
        platform.inject(Inject(text="hello"))
        await until(lambda: len(bot(platform)) == 3, 20, "an answer")
        assert bot(platform)[2] == "You said: hello"  # and what was said before is not replayed
        assert "change.pairing.approve" in await types(desk)


async def test_a_denied_stranger_stays_out(desk: Desk, platform: LoopbackStandin) -> None:
    wire(desk, platform, policy="pairing")
    async with desk.gateway():
        platform.inject(Inject(text="let me in"))
        (asked,) = await listed(desk, "pairing", "list")
        await until(lambda: bot(platform), 20, "the code")
        assert (await desk.run("pairing", "deny", str(asked["code"]))).code == 0
        platform.inject(Inject(text="please"))
        rows = await listed(desk, "inbox", "list", count=2)
        assert [row["state"] for row in rows] == ["refused", "refused"]
        assert len(bot(platform)) == 1


async def test_connections_and_models_are_tested(desk: Desk, platform: LoopbackStandin) -> None:
    wire(desk, platform)
    async with desk.gateway():
        good = await desk.run("connections", "test", "loop", "--json")
        assert (good.code, good.row["state"]) == (0, "ok")
        assert (await desk.run("models", "test")).code == 0
        wanted = {"web": "built_in", "api": "built_in", "terminal": "built_in", "loop": "up"}

        async def up() -> bool:
            return {row["id"]: row["state"] for row in await desk.rows("connections", "list")} == wanted

        await until(up, 20, "the first poll of the connection")
    text = desk.config.read_text().replace("scripted/echo", "dead/x")
    desk.write(text + '[providers.dead]\nkind = "openai-compatible"\nbase_url = "http://127.0.0.1:1/v1"\n')
    said = await desk.run("models", "test", "--json")
    assert (said.code, said.row["state"]) == (1, "unreachable")
    assert said.row["fix"]


async def test_a_failed_message_is_brought_back_after_a_reload(desk: Desk, platform: LoopbackStandin) -> None:
    wire(desk, platform, model="scripted/nonsense")
    async with desk.gateway():
        platform.inject(Inject(text="try me"))
        (failed,) = await listed(desk, "inbox", "list", "--state", "failed")
        await until(lambda: len(bot(platform)) == 1, 20, "the apology")
        wire(desk, platform, model="scripted/echo")
        assert (await desk.run("config", "reload")).code == 0
        assert (await desk.run("inbox", "retry", str(failed["id"]), "--reason", "the model is back")).code == 0
        await until(lambda: len(bot(platform)) == 2, 20, "the answer")
        assert bot(platform)[1] == "You said: try me"
        again = await desk.run("inbox", "retry", str(failed["id"]))
        assert (again.code, "answered" in again.err) == (1, True)
        assert {"change.inbox.retry", "change.configuration"} <= set(await types(desk))


async def test_a_steering_message_can_be_brought_back_and_answered(desk: Desk, platform: LoopbackStandin) -> None:
    wire(desk, platform, model="scripted/nonsense")
    steering = 'queue = "steer"\n[connections.loop]'
    desk.write(desk.config.read_text().replace("[connections.loop]", steering, 1))
    async with desk.gateway():
        platform.inject(Inject(text="steer me"))
        (failed,) = await listed(desk, "inbox", "list", "--state", "failed")
        desk.write(desk.config.read_text().replace("scripted/nonsense", "scripted/echo"))
        assert (await desk.run("config", "reload")).code == 0
        assert (await desk.run("inbox", "retry", str(failed["id"]))).code == 0
        await until(lambda: "You said: steer me" in bot(platform), 20, "the answer")
        platform.inject(Inject(text="and now"))  # the count of untaken steering messages is right again
        await until(lambda: "You said: and now" in bot(platform), 20, "the next answer")


async def test_a_message_that_was_stopped_since_does_not_come_back(desk: Desk, platform: LoopbackStandin) -> None:
    wire(desk, platform, model="scripted/nonsense")
    async with desk.gateway():
        platform.inject(Inject(text="try me"))
        (failed,) = await listed(desk, "inbox", "list", "--state", "failed")
        assert (await desk.run("sessions", "reset", str(failed["session"]), "--reason", "a new begin")).code == 0
        said = await desk.run("inbox", "retry", str(failed["id"]))
        assert (said.code, "was stopped" in said.err) == (1, True)
        assert "change.session.reset" in await types(desk)


async def test_a_reset_session_forgets(desk: Desk) -> None:
    desk.write(SCRIPTED.format(model="scripted/help"))
    async with desk.gateway():
        running = asyncio.create_task(desk.run("chat", "many words " * 1000, "--json"))
        (turn,) = await listed(desk, "turns", "list")
        assert (await desk.run("sessions", "reset", str(turn["session"]))).code == 0
        said = await running
        assert said.code == 1
        assert said.rows[-1]["outcome"] == "stopped"
        assert (await desk.rows("turns", "list"))[0]["state"] == "stopped"


async def test_sighup_applies_what_it_can_and_keeps_the_last_good_state(desk: Desk, platform: LoopbackStandin) -> None:
    wire(desk, platform, model="scripted/help")
    async with desk.gateway() as process:
        text = desk.config.read_text()
        changed = text.replace("scripted/help", "scripted/echo").replace("port = 0", "port = 1")
        desk.write(changed + '[log]\nlevel = "warning"\nformat = "text"\n')
        process.send_signal(signal.SIGHUP)
        (line,) = await until(lambda: desk.logged("configuration.applied"), 20, "a reload")
        assert line["applied"] == ["assistants.default.model", "log.level"]
        assert line["needs_restart"] == ["log.format", "server.port"]
        assert (await desk.run("chat", "hello")).out == "You said: hello\n"

        desk.write("this is no TOML")
        process.send_signal(signal.SIGHUP)
        (line,) = await until(lambda: desk.logged("configuration.refused"), 20, "a refusal")
        assert "it is not TOML" in str(line["reason"])
        said = await desk.run("config", "reload", "--config", str(good(desk, text)))
        assert (said.code, "it is not TOML" in said.err) == (78, True)
        assert (await desk.run("chat", "again", "--config", str(good(desk, text)))).out == "You said: again\n"

        own = '[providers.scripted]\nkind = "scripted"\n'
        desk.write(text + '[assistants.other]\nmodel = "later/x"\n[providers.later]\nkind = "scripted"\n' + own)
        said = await desk.run("config", "reload")
        assert said.code == 78
        assert "there is no provider later in the running process" in said.err

        desk.write(text + '[connections.more]\nchannel = "loopback"\napi_root = "http://x"\ntoken = { env = "T" }\n')
        said = await desk.run("config", "reload", "--json")
        assert said.code == 0
        states = {row["id"]: row["state"] for row in said.rows}
        assert states["assistants.default.model"] == "applied"
        assert {state for path, state in states.items() if "connections.more" in str(path)} == {"needs a restart"}
    outcomes = [row["outcome"] for row in await desk.rows("audit", "list") if row["type"] == "change.configuration"]
    assert outcomes == ["applied", "refused", "refused", "refused", "applied"]


def good(desk: Desk, text: str) -> Path:
    """A configuration that the command itself can use while the gateway's is broken."""
    file = desk.folder / "good.toml"
    file.write_text(text)
    return file


async def test_a_room_of_its_own(desk: Desk, platform: LoopbackStandin) -> None:
    wire(desk, platform)
    async with desk.gateway():
        platform.inject(Inject(text="here", room=Room("r2")))
        await until(lambda: bot(platform, "r2"), 20, "an answer")
        (session,) = await desk.rows("sessions", "list")
        shown = (await desk.run("sessions", "show", str(session["id"]), "--json")).row
        assert shown["connection"] == "loop"
        assert (await desk.run("sessions", "show", str(session["id"]))).out.startswith("id ")
