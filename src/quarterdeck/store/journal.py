"""The journal: each model answer and tool result of a turn, stored before the turn goes on."""

from collections.abc import Mapping

from quarterdeck.model.turn import Step, decode_step, encode_step
from quarterdeck.store.database import Store
from quarterdeck.store.operations import Statement
from quarterdeck.store.tenancy import TENANT


def insert(turn_id: str, step: str, content: Step, now: float) -> Statement:
    """Write one step, exactly once."""
    return Statement(
        "steps.insert",
        "INSERT INTO steps (tenant, turn_id, step, content, created_at) VALUES (:tenant, :turn, :step, :content, :now)",
        {"tenant": TENANT, "turn": turn_id, "step": step, "content": encode_step(content), "now": now},
        expect=1,
    )


async def read(store: Store, turn_id: str) -> Mapping[str, Step]:
    """All steps of a turn by name, without those of a kind that only a newer version knows."""
    rows = await store.fetch(
        "SELECT step, content FROM steps WHERE tenant = :tenant AND turn_id = :turn",
        {"tenant": TENANT, "turn": turn_id},
    )
    read = ((str(name), decode_step(_bytes(content))) for name, content in rows)
    return {name: step for name, step in read if step is not None}


def _bytes(content: object) -> bytes:
    assert isinstance(content, bytes)
    return content
