"""Every sentence of the system comes about, and reaches its person in the language of the room."""

import re
import tomllib
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import get_args

import msgspec
import pytest

from quarterdeck.actions.pairing import Pairings
from quarterdeck.flow.hooks import HookRule
from quarterdeck.flow.menu import HELP
from quarterdeck.governance.leaf import Actor
from quarterdeck.model.asking import AnswerForm, Options
from quarterdeck.model.assistant import Introduction
from quarterdeck.model.button import ButtonBounds
from quarterdeck.ports import Capabilities, FailureKind, MaybeSent, ModelProfile
from quarterdeck.store.pins import LONGEST, MOST
from quarterdeck.words.sentences import Sentence
from tests.flow.doubles import Reply, ToolDouble
from tests.flow.test_hooks import HookDouble, deny, fail
from tests.flow.world import World
from tests.waiting import until

FOLDER = Path(__file__).parents[2] / "src" / "quarterdeck" / "words"
Scene = Callable[[World, str], Awaitable[None]]
SCENES: dict[str, Scene] = {}


def scene(*sentences: str) -> Callable[[Scene], Scene]:
    """What makes the system say these sentences."""

    def named(one: Scene) -> Scene:
        SCENES.update(dict.fromkeys(sentences, one))
        return one

    return named


def patterns(language: str, sentence: str) -> list[str]:
    """What the forms of a sentence look like when their blanks are filled."""
    found = tomllib.loads((FOLDER / f"{language}.toml").read_text("utf-8"))["sentences"][sentence]
    texts = [found] if isinstance(found, str) else list(found.values())
    return [re.sub(r"\\\{\w+\\\}", "(?s:.*)", re.escape(text)) for text in texts]


def shown(world: World, language: str, sentence: str) -> bool:
    text = "".join((*world.platform.texts(), *world.platform.told))
    return any(re.search(pattern.rstrip(), text) for pattern in patterns(language, sentence))


# --- scenes ---------------------------------------------------------------------------------------------------


async def told(world: World, language: str, *texts: str) -> None:
    for text in texts:
        await world.ended(await world.say(text, language=language))


def introducing(owner: str, contact: str) -> Scene:
    async def introduced(world: World, language: str) -> None:
        world.settings.let(introduction=Introduction(owner, contact))
        await world.start()
        await told(world, language, "hello")

    return introduced


SCENES |= dict.fromkeys(("machine", "responsible", "how_to_stop", "how_to_block"), introducing("Ada", "Room 4"))
SCENES |= {"responsible_owner": introducing("Ada", ""), "responsible_contact": introducing("", "Room 4")}


@scene("pairing", "paired")
async def a_stranger(world: World, language: str) -> None:
    world.settings.wire = msgspec.structs.replace(world.settings.wire, dm_policy="pairing")
    await world.start()
    await world.say("let me in", language=language)
    parts = world.parts
    pairings = Pairings(parts.store, parts.directory, parts.auditor, parts.sending, parts.outbox, world.clock)
    (asked,) = world.rows("SELECT code FROM pairings")
    await pairings.approve(asked["code"], Actor(id="owner", kind="operator"))


@scene("pairing_group", "paired_group")
async def a_strange_group(world: World, language: str) -> None:
    world.settings.wire = msgspec.structs.replace(world.settings.wire, group_policy="allowlist")
    await world.start()
    await world.say("let us in", kind="group", language=language)
    parts = world.parts
    pairings = Pairings(parts.store, parts.directory, parts.auditor, parts.sending, parts.outbox, world.clock)
    (asked,) = world.rows("SELECT code FROM pairings")
    await pairings.approve(asked["code"], Actor(id="owner", kind="operator"))


@scene("queue_full")
async def too_much_at_once(world: World, language: str) -> None:
    world.settings.limit(queue_per_session=1)
    await world.start()
    held = world.main.hold()
    await world.say("one", language=language)
    await held.reached()
    await world.say("two", language=language)
    await world.say("three", language=language)
    held.release()


def hooked(point: str, what: Callable[..., Awaitable[object]]) -> Scene:
    async def denied(world: World, language: str) -> None:
        world.hooks.append(HookRule("h", frozenset((point,)), HookDouble(what), 5.0, False))
        await world.start()
        await told(world, language, "hello")

    return denied


SCENES |= {"not_taken": hooked("before_route", deny), "not_asked": hooked("before_model", deny)}
SCENES |= {"held_back": hooked("before_send", deny), "check_failed": hooked("before_route", fail)}


@scene("late")
async def late(world: World, language: str) -> None:
    await world.start()
    await world.say("old", sent_at=world.clock.now() - 400, language=language)


@scene("expired")
async def expired(world: World, language: str) -> None:
    await world.start()
    await world.say("yesterday", sent_at=world.clock.now() - 90_000, language=language)


@scene("repeat")
async def lost_on_the_way(world: World, language: str) -> None:
    await world.start()
    world.platform.answers(MaybeSent("lost"))
    await told(world, language, "hello")


def replying(*replies: Reply) -> Scene:
    async def replied(world: World, language: str) -> None:
        world.main.script.extend(replies)
        await world.start()
        await told(world, language, "hello")

    return replied


SCENES |= {"length": replying(Reply("half", finish="length")), "filtered": replying(Reply("", finish="filter"))}
SCENES |= {"refusal": replying(Reply("", finish="refusal")), "empty": replying(Reply(""))}


@scene("misfit")
async def without_the_form(world: World, language: str) -> None:
    world.main.script.extend([Reply("no"), Reply("no")])
    await world.start()
    options = Options(form=AnswerForm('{"type": "object"}'))
    await world.accept(msgspec.structs.replace(world.act("go", language=language), options=options))


@scene("demo_model")
async def demo(world: World, language: str) -> None:
    world.main.profiles["m"] = ModelProfile(demo=True)
    await world.start()
    await told(world, language, "hello")


def failing(kind: FailureKind) -> Scene:
    async def failed(world: World, language: str) -> None:
        world.main.fail(kind, retryable=False)
        await world.start()
        await told(world, language, "hello")

    return failed


SCENES |= {"failed_busy": failing("overload"), "failed_slow": failing("timeout"), "failed_reach": failing("network")}
SCENES |= {"failed_request": failing("invalid"), "failed_auth": failing("credit"), "failed_context": failing("context")}


@scene("too_many_steps")
async def on_and_on(world: World, language: str) -> None:
    world.add_tool(ToolDouble("look"))
    world.settings.let(max_steps=1)
    world.main.use(("look", "{}"))
    await world.start()
    await told(world, language, "hello")


@scene("too_long")
async def out_of_time(world: World, language: str) -> None:
    world.settings.let(turn_seconds=0.2)
    world.main.hold()
    await world.start()
    await told(world, language, "hello")


@scene("dead_letter")
async def poison(world: World, language: str) -> None:
    await world.start()
    await world.say("poison", language=language)
    for _ in range(3):
        world.parts.crash.arm("provider.before")
        world.look()
        await until(world.died.is_set, what="the crash")
        await world.restart()


@scene("superseded")
async def set_aside(world: World, language: str) -> None:
    world.settings.capabilities = Capabilities(400, edits=True)
    world.settings.wire = msgspec.structs.replace(world.settings.wire, streaming=True)
    await world.start()
    world.main.hold("never")
    world.main.script[-1].deltas = ("hel",)
    world.main.script[-1].before, world.main.script[-1].after = None, world.main.script[-1].before
    await world.say("go", language=language)
    await until(lambda: "stream_id" in world.store.committed)
    await world.say("instead", mode="interrupt", language=language)


def typed(*texts: str) -> Scene:
    async def said(world: World, language: str) -> None:
        await world.start()
        await told(world, language, *texts)

    return said


SCENES |= {"stopped_nothing": typed("/stop"), "new_conversation": typed("/new")}
SCENES |= dict.fromkeys(("help", *(f"command_{name}" for name in HELP.values)), typed("/help"))
SCENES |= dict.fromkeys(("status", "idle", "waiting"), typed("/status"))
SCENES |= {"model": typed("/model"), "model_unknown": typed("/model x"), "model_chosen": typed("/model main/m")}
SCENES |= {"pin_what": typed("/pin"), "pin_long": typed("/pin " + "x" * (LONGEST + 1))}
SCENES |= {"pin_full": typed(*["/pin x"] * (MOST + 1)), "pinned": typed("/pin x"), "unpin_which": typed("/unpin")}
SCENES |= {"unpinned": typed("/pin x", "/unpin 1"), "pins_none": typed("/pins"), "pins": typed("/pin x", "/pins")}


@scene("stopped")
async def while_something_runs(world: World, language: str) -> None:
    await world.start()
    held = world.main.hold()
    await world.say("go", language=language)
    await held.reached()
    await world.say("/stop", language=language)


@scene("working")
async def while_working(world: World, language: str) -> None:
    await world.start()
    held = world.main.hold()
    await world.say("go", language=language)
    await held.reached()
    await world.say("/status", language=language)
    held.release()


@scene("press_closed")
async def an_old_button(world: World, language: str) -> None:
    await world.start()
    await world.press("nobody.0", ref="n1", language=language)


@scene("press_others")
async def a_button_of_somebody_else(world: World, language: str) -> None:
    world.settings.capabilities = Capabilities(400, buttons=ButtonBounds(most=9, abreast=3, label=30, value=64))
    world.settings.let(fallback=("spare/m",))
    await world.start()
    await told(world, language, "/model")
    await world.rest()
    (offered,) = world.platform.rooms
    await world.press(offered.buttons[0][0].value, ref=offered.native_id, who="p2", language=language)


# --- what is shown --------------------------------------------------------------------------------------------


def test_there_is_a_scene_for_every_sentence() -> None:
    assert set(SCENES) == set(get_args(Sentence))


@pytest.mark.parametrize("language", ["de", "zh-Hans"])
@pytest.mark.parametrize("sentence", sorted(set(get_args(Sentence)) - {"pins"}))  # which has no words
async def test_a_sentence_reaches_its_person_in_their_language(idle_world: World, sentence: str, language: str) -> None:
    world = idle_world
    await SCENES[sentence](world, language)
    await until(lambda: shown(world, language, sentence), what=f"{sentence} in {world.platform.texts()}")
    await world.rest()
    assert not shown(world, "en", sentence)


async def test_without_a_language_it_is_english(world: World) -> None:
    await told(world, "", "/stop")
    await told(world, "xx-Unknown", "/stop")
    await world.rest()
    assert world.platform.texts() == ["There is nothing to stop.", "There is nothing to stop."]


async def test_a_room_where_the_platform_is_silent_keeps_the_language_it_had(world: World) -> None:
    await told(world, "fr", "/stop")
    await world.rest()
    await world.restart()
    await told(world, "", "/stop")
    await world.rest()
    assert world.platform.texts() == ["Il n'y a rien à arrêter.", "Il n'y a rien à arrêter."]


async def test_in_a_group_everybody_is_answered_in_their_own(world: World) -> None:
    for who, language in (("p1", "de"), ("p2", "es"), ("p1", "de")):
        await world.say("/stop", who=who, kind="group", language=language, connection="web")
    texts = [row["text"] for row in world.rows("SELECT text FROM parts ORDER BY seq")]
    assert texts == ["Es gibt nichts anzuhalten.", "No hay nada que detener.", "Es gibt nichts anzuhalten."]


@pytest.mark.parametrize(
    ("assistant", "connection", "said"),
    [("es", "", "No hay nada que detener."), ("es", "fr", "Il n'y a rien à arrêter.")],
)
async def test_a_language_that_is_configured_holds(
    idle_world: World, assistant: str, connection: str, said: str
) -> None:
    world = idle_world
    world.settings.let(language=assistant)
    world.settings.wire = msgspec.structs.replace(world.settings.wire, language=connection)
    await world.start()
    await told(world, "de", "/stop")
    await world.rest()
    assert world.platform.texts() == [said]


async def test_the_mark_of_a_repeat_after_a_crash_is_in_the_language_of_its_answer(world: World) -> None:
    world.parts.crash.arm("send.after")
    await world.say("hello", language="es")
    await world.died.wait()
    await world.restart()
    await world.rest()
    assert world.platform.texts() == ["re: hello", "(Puede ser una repetición.)\nre: hello"]
