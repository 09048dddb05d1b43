"""A permit allows one attempt of one action on one route, and only the gate makes one."""

from collections.abc import Callable

import msgspec
import pytest
from tests.flow.doubles import TestClock

from quarterdeck.base.errors import NotAllowed
from quarterdeck.base.ids import IdSource
from quarterdeck.governance.audit import Auditor
from quarterdeck.governance.gate import Denied, Gate, Intent, Scope
from quarterdeck.governance.policy import Facts
from quarterdeck.model.action import Action, ModelCall, Part, StreamTo, ToolRun, digest_of
from quarterdeck.model.button import Button, ButtonRows
from quarterdeck.model.message import Attachment
from quarterdeck.model.permit import MintingKey, Permit, PresencePermit, StreamPermit
from quarterdeck.store.operations import Receipt

pytestmark = pytest.mark.proves("G1")

PART = Part("wire", "r1", "hello", "dlv_1.0")
FACTS = Facts(("main/m",), ("look",), ("wire/r1",))
SCOPE = Scope("default", "ses_1", "turn_1", "m1", 1, 5, FACTS)


def permit(action: Action = PART) -> Permit:
    return Permit(MintingKey(), "int_1", action.digest(), action.route)


def gate() -> Gate:
    clock = TestClock()
    new_id = IdSource(clock)
    return Gate(clock, new_id, Auditor(clock, new_id))


def test_a_permit_is_spent_once() -> None:
    given = permit()
    given.spend(PART)
    with pytest.raises(NotAllowed, match=r"permit\.once"):
        given.spend(PART)


ACTIONS: tuple[Action, ...] = (
    PART,
    ModelCall("main", "m", b"{}", 1, 1),
    ToolRun("look", "{}", "turn_1", "m1.t0", "none", True),
    StreamTo("wire", "r1", "dlv_1"),
)


def another(value: bytes | str | ButtonRows | None) -> object:
    """A value of this kind that is not this one; None stands for no file."""
    if isinstance(value, tuple):
        return (*value, (Button("more", "cho_1.9"),))
    if value is None:
        return Attachment("notes.txt", "text/plain", 3, blob="b" * 64)
    return value + b"x" if isinstance(value, bytes) else value + "x"


@pytest.mark.parametrize("action", ACTIONS, ids=lambda action: action.kind)
def test_any_change_of_the_action_is_refused_and_uses_nothing_up(action: Action) -> None:
    ignored = {"reserve_in", "reserve_out", "effect", "repeatable"}  # nothing that leaves the process
    for name in action.__struct_fields__:
        if name in ignored:
            continue
        changed = msgspec.structs.replace(action, **{name: another(getattr(action, name))})
        given = permit(action)
        with pytest.raises(NotAllowed, match=r"permit\.digest"):
            given.spend(changed)
        given.spend(action)


def test_a_digest_tells_where_a_part_ends() -> None:
    assert digest_of(b"ab", b"c") != digest_of(b"a", b"bc") != digest_of(b"abc")
    assert Part("a", "b/c", "t", "k").digest() != Part("a/b", "c", "t", "kk").digest()


@pytest.mark.parametrize(
    "make",
    [
        lambda key: Permit(key, "int_1", "d", "r"),
        lambda key: StreamPermit(key, "int_1", "d"),
        lambda key: PresencePermit(key, "r"),
    ],
)
def test_no_permit_without_the_gates_key(make: Callable[[object], object]) -> None:
    class Forged(MintingKey):
        pass

    for key in (None, object(), "key", Forged()):
        with pytest.raises(NotAllowed):
            make(key)


def test_a_stream_permit_covers_its_room_and_delivery_until_it_is_closed() -> None:
    stream = StreamTo("wire", "r1", "dlv_1")
    given = StreamPermit(MintingKey(), "int_1", stream.digest())
    given.check(stream)
    given.check(stream)
    for other in (StreamTo("wire", "r2", "dlv_1"), StreamTo("wire", "r1", "dlv_2"), StreamTo("x", "r1", "dlv_1")):
        with pytest.raises(NotAllowed):
            given.check(other)
    given.close()
    with pytest.raises(NotAllowed):
        given.check(stream)


def test_presence_is_for_one_room_until_the_turn_ends() -> None:
    given = gate().presence("wire", "r1")
    given.check("wire", "r1")
    with pytest.raises(NotAllowed):
        given.check("wire", "r2")
    given.close()
    with pytest.raises(NotAllowed):
        given.check("wire", "r1")


def test_the_gate_mints_from_a_committed_intent_only() -> None:
    keeper = gate()
    verdict = keeper.check(PART, SCOPE)
    assert isinstance(verdict, Intent)
    name = f"intent:{verdict.row.id}"
    assert keeper.permit(verdict, Receipt("accept", {name: 0}, {})) is None
    with pytest.raises(NotAllowed):
        keeper.permit(verdict, Receipt("accept", {"intent:other": 1}, {}))
    given = keeper.permit(verdict, Receipt("accept", {name: 1}, {}))
    assert given is not None
    given.spend(PART)


def test_the_gate_gives_a_stream_permit_for_a_stream_only() -> None:
    keeper = gate()
    verdict = keeper.check(PART, SCOPE)
    assert isinstance(verdict, Intent)
    with pytest.raises(NotAllowed):
        keeper.stream_permit(verdict, Receipt("accept", {f"intent:{verdict.row.id}": 1}, {}))


def test_a_denial_is_recorded_and_says_everything() -> None:
    verdict = gate().check(PART, msgspec.structs.replace(SCOPE, facts=Facts()))
    assert isinstance(verdict, Denied)
    assert [statement.name for statement in verdict.statements] == ["audit.insert"]
    assert verdict.sentence == (
        "Denied by default.send.known_room: the room r1 has not spoken with this installation."
        " Write to the assistant from that room first."
    )


def test_a_model_intent_reserves_and_its_close_settles() -> None:
    keeper = gate()
    verdict = keeper.check(ACTIONS[1], SCOPE)
    assert isinstance(verdict, Intent)
    assert [statement.name.partition(":")[0] for statement in verdict.statements] == [
        "intent", "ledger.reserve", "audit.insert",
    ]  # fmt: skip
    assert [statement.name for statement in keeper.close(verdict.row, "lost")] == [
        "intents.close", "ledger.settle", "audit.insert",
    ]  # fmt: skip
