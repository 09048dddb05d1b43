"""A call for vectors is an effect like any other: intent, permit, settlement, outcome, whatever happens to it."""

import asyncio
from collections.abc import Sequence
from typing import Any

import msgspec
import pytest

from quarterdeck.actions.embeddings import Embedder, EmbeddingFailed
from quarterdeck.base.errors import BadInput, NotAllowed, NotFound, Retry
from quarterdeck.flow.directory import EmbeddingRules
from quarterdeck.governance.audit import SYSTEM
from quarterdeck.model.action import ModelCall
from quarterdeck.model.hook import HookEvent, HookOutcome, ModelSubject, ShownMessage
from quarterdeck.model.permit import Permit
from quarterdeck.model.turn import Usage
from quarterdeck.ports import Embeddings, FailureKind, ProviderFailed
from tests.flow.doubles import Held, Model
from tests.flow.test_hooks import Do, HookDouble, deny, hook, records
from tests.flow.world import World
from tests.waiting import until

pytestmark = pytest.mark.proves("v1.embeddings")


class Vectors(Model):
    """The double with failures of its vectors written down."""

    def __init__(self) -> None:
        super().__init__("main")
        self.failures: list[ProviderFailed] = []
        self.held: Held | None = None
        self.asked_for: list[tuple[str, ...]] = []

    async def embed(self, call: ModelCall, permit: Permit) -> Embeddings:
        if self.held:
            await self.held.wait()
        found = await super().embed(call, permit)
        if self.failures:
            raise self.failures.pop(0)
        return found

    def prepare_embedding(self, model: str, texts: Sequence[str], dimensions: int | None) -> ModelCall:
        self.asked_for.append((model, *texts))
        if model == "none":
            raise ProviderFailed("invalid", "provider main makes no embeddings", retryable=False)
        return super().prepare_embedding(model, texts, dimensions)


@pytest.fixture
async def model(idle_world: World) -> Vectors:
    idle_world.main = Vectors()
    await idle_world.start()
    return idle_world.main


def embedder(world: World) -> Embedder:
    p = world.parts
    p.directory.embeddings = EmbeddingRules("main/e", ("main/e", "main/none"))
    s = p.services
    return Embedder(
        world.store, p.directory, p.gate, p.auditor, world.clock, p.crash, s.metrics, s.log, p.sending.hooks
    )


def failure(kind: FailureKind, *, retryable: bool, usage: Usage | None = None) -> ProviderFailed:
    return ProviderFailed(kind, f"it is {kind}", retryable=retryable, retry_after=0.001, usage=usage)


def intents(world: World) -> list[Any]:
    return [(row["kind"], row["state"]) for row in world.rows("SELECT kind, state FROM intents ORDER BY id")]


def ledger(world: World) -> list[Any]:
    rows = world.rows("SELECT kind, tokens_in, reported FROM ledger ORDER BY created_at, kind")
    return [(row["kind"], row["tokens_in"], row["reported"]) for row in rows]


@pytest.mark.parametrize("name", ["main/e", "e", "default"])
async def test_vectors_under_a_permit(idle_world: World, model: Vectors, name: str) -> None:
    found = await embedder(idle_world).embed(name, ["a", "bb"], None, SYSTEM)
    assert found.vectors == ((1.0,), (2.0,))
    assert intents(idle_world) == [("model", "done")]
    assert ledger(idle_world) == [("reserve", 10, 0), ("settle", 2, 1)]
    kinds = [
        row["kind"] for row in idle_world.rows("SELECT json_extract(leaf, '$.type') AS kind FROM audit ORDER BY rowid")
    ]
    assert kinds == ["embedding.asked", "model.intent", "model.outcome"]
    exposed = idle_world.parts.services.metrics.exposition().decode()
    assert 'quarterdeck_model_calls_total{provider="main",result="answered"} 1.0' in exposed


async def test_a_failure_that_may_pass_is_tried_again(idle_world: World, model: Vectors) -> None:
    model.failures = [failure("overload", retryable=True, usage=Usage(3, 0))]
    assert (await embedder(idle_world).embed("e", ["a"], None, SYSTEM)).vectors == ((1.0,),)
    assert intents(idle_world) == [("model", "failed"), ("model", "done")]
    assert [tokens for kind, tokens, _ in ledger(idle_world) if kind == "settle"] == [3, 1]


@pytest.mark.parametrize(
    ("kind", "retryable", "told", "attempts"),
    [
        ("overload", True, Retry, 3), ("server", False, Retry, 1), ("invalid", False, BadInput, 1),
        ("auth", False, EmbeddingFailed, 1), ("credit", False, EmbeddingFailed, 1), ("context", False, BadInput, 1),
    ],
)  # fmt: skip
async def test_a_failure_is_told_by_its_kind(
    idle_world: World, model: Vectors, kind: FailureKind, retryable: bool, told: type[Exception], attempts: int
) -> None:
    model.failures = [failure(kind, retryable=retryable) for _ in range(3)]
    with pytest.raises(told):
        await embedder(idle_world).embed("e", ["a"], None, SYSTEM)
    assert intents(idle_world) == [("model", "failed")] * attempts
    assert [entry for entry in ledger(idle_world) if entry[0] == "settle"] == [("settle", 10, 0)] * attempts


async def test_what_is_not_allowed_is_not_asked(idle_world: World, model: Vectors) -> None:
    with pytest.raises(NotAllowed):
        await embedder(idle_world).embed("main/other", ["a"], None, SYSTEM)
    with pytest.raises(NotFound):
        await embedder(idle_world).embed("other", ["a"], None, SYSTEM)
    with pytest.raises(BadInput, match="makes no embeddings"):
        await embedder(idle_world).embed("main/none", ["a"], None, SYSTEM)
    assert intents(idle_world) == []
    denied = idle_world.rows("SELECT COUNT(*) AS n FROM audit WHERE json_extract(leaf, '$.type') = 'model.denied'")
    assert denied == [{"n": 1}]


async def test_a_client_that_leaves_costs_what_was_reserved(idle_world: World, model: Vectors) -> None:
    model.held = Held()
    asking = asyncio.create_task(embedder(idle_world).embed("e", ["a"], None, SYSTEM))
    await model.held.reached()
    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking
    assert intents(idle_world) == [("model", "lost")]
    assert ledger(idle_world)[-1] == ("settle", 10, 0)


@pytest.mark.parametrize("point", ["op.embedding_intent.after", "provider.after", "op.embedding_outcome.before"])
async def test_what_a_dead_process_asked_for_gets_its_outcome(idle_world: World, model: Vectors, point: str) -> None:
    idle_world.parts.crash.arm(point)
    asking = asyncio.create_task(embedder(idle_world).embed("e", ["a"], None, SYSTEM))
    await idle_world.died.wait()
    asking.cancel()
    await asyncio.wait((asking,))
    assert intents(idle_world) == [("model", "open")]
    await idle_world.restart()
    assert intents(idle_world) == [("model", "lost")]
    assert ledger(idle_world)[-1] == ("settle", 10, 0)


# --- hooks ----------------------------------------------------------------------------------------------------


async def with_hook(world: World, do: Do | None = None, *on: str, seconds: float = 5.0) -> HookDouble:
    """A started world whose model calls are shown to a hook."""
    seen = hook(world, *(on or ("before_model", "after_model")), do=do, seconds=seconds)
    world.main = Vectors()
    await world.start()
    return seen


async def louder(event: HookEvent) -> Any:
    if not isinstance(event.subject, ModelSubject) or event.outcome:
        return None
    messages = tuple(msgspec.structs.replace(one, text=f"{one.text}!") for one in event.subject.messages)
    return msgspec.structs.replace(event.subject, messages=messages)


@pytest.mark.proves("hook.before_model", "hook.after_model")
async def test_hooks_are_shown_the_texts_and_may_change_them(idle_world: World) -> None:
    seen = await with_hook(idle_world, louder)
    await embedder(idle_world).embed("e", ["a", "bb"], None, SYSTEM)
    assert isinstance(idle_world.main, Vectors)
    assert idle_world.main.asked_for == [("e", "a!", "bb!")]
    await until(lambda: len(seen.events) == 2)
    before, after = seen.events
    assert (before.about.step, before.about.connection) == ("embedding", "api")
    assert before.subject == ModelSubject("main/e", "", (ShownMessage("user", "a"), ShownMessage("user", "bb")))
    assert after.outcome == HookOutcome("done")
    assert [rule for rule, _ in records(idle_world, "hook.changed")] == ["hook:h"]


@pytest.mark.proves("hook.before_model")
async def test_hooks_may_deny_vectors(idle_world: World) -> None:
    await with_hook(idle_world, deny)
    with pytest.raises(NotAllowed, match=r"it is not done here \(rule hook:h\)\. Ask Ada\."):
        await embedder(idle_world).embed("e", ["a"], None, SYSTEM)
    assert intents(idle_world) == []
    assert records(idle_world, "model.denied") == [("hook:h", "Denied by hook:h: it is not done here. Ask Ada.")]


async def emptied(event: HookEvent) -> Any:
    assert isinstance(event.subject, ModelSubject)
    return msgspec.structs.replace(event.subject, messages=(ShownMessage("user", ""),))


@pytest.mark.proves("hook.before_model")
async def test_a_hook_cannot_empty_a_text(idle_world: World) -> None:
    await with_hook(idle_world, emptied, "before_model")
    with pytest.raises(NotAllowed, match="its change cannot be used: a text is empty"):
        await embedder(idle_world).embed("e", ["a"], None, SYSTEM)


@pytest.mark.proves("hook.before_model", "hook.after_model")
async def test_a_hook_that_waits_leaves_no_attempt_open(idle_world: World) -> None:
    """A first attempt failed; whoever asked leaves while the hook thinks about the second."""
    held = Held()

    async def second(event: HookEvent) -> Any:
        if event.on == "before_model" and len(seen.on("before_model")) == 2:
            await held.wait()

    seen = await with_hook(idle_world, second)
    assert isinstance(idle_world.main, Vectors)
    idle_world.main.failures = [failure("overload", retryable=True)]
    asking = asyncio.create_task(embedder(idle_world).embed("e", ["a"], None, SYSTEM))
    await held.reached()
    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking
    assert intents(idle_world) == [("model", "failed")]
    await until(lambda: [event.outcome.state for event in seen.on("after_model") if event.outcome] == ["failed"])
