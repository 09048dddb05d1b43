"""What is to go wrong next?

A fault names a method ("*" for any), how often it strikes, and one kind:

    error         the request is refused: `status`, `description`, `retry_after`, `migrate_to_chat_id`; `html`
                  answers with an HTML page instead of JSON, as a proxy in front of the vendor does
    drop_before   the connection is closed; the request has no effect
    drop_after    the request takes effect; the connection is closed without an answer (the ambiguous send)
    hang_before   nothing for `seconds`, then the connection is closed; the request has no effect
    hang_after    the request takes effect; the answer comes after `seconds`
    duplicate     getUpdates: every update of the next answer that has any stands in it twice
    reorder       getUpdates: the next answer with at least two updates is reversed
    redeliver     getUpdates: what the next confirming poll confirms is delivered once more, as if the
                  confirmation had got lost
"""

import msgspec

REQUEST_KINDS = frozenset({"error", "drop_before", "drop_after", "hang_before", "hang_after"})
DELIVERY_KINDS = frozenset({"duplicate", "reorder", "redeliver"})


class Fault(msgspec.Struct, forbid_unknown_fields=True):
    """One planned fault. `skip` requests that match pass unharmed first; `chat_id` narrows it to one chat."""

    kind: str
    method: str = "*"
    times: int = 1
    skip: int = 0
    chat_id: int | None = None
    seconds: float = 0.0
    status: int = 500
    description: str = ""
    retry_after: int = 0
    migrate_to_chat_id: int = 0
    html: bool = False

    def __post_init__(self) -> None:
        """Refuse a kind that does not exist."""
        if self.kind not in REQUEST_KINDS | DELIVERY_KINDS:
            raise ValueError(f"unknown kind of fault: {self.kind}")


class Faults:
    """The planned faults, first come, first struck."""

    def __init__(self) -> None:
        self.planned: list[Fault] = []

    def plan(self, fault: Fault) -> None:
        """Add a fault behind those already planned."""
        self.planned.append(fault)

    def clear(self) -> None:
        """Call everything off."""
        self.planned.clear()

    def strike(self, method: str, chat_id: int | None) -> Fault | None:
        """Return the fault that this request meets, and use it up once."""
        for fault in self.planned:
            if fault.kind not in REQUEST_KINDS or fault.method.lower() not in ("*", method.lower()):
                continue
            if fault.chat_id is not None and fault.chat_id != chat_id:
                continue
            if fault.skip > 0:
                fault.skip -= 1
                continue
            return self._use(fault)
        return None

    def on_delivery(self, kind: str) -> bool:
        """Tell whether a delivery fault of this kind is due, and use it up once."""
        due = next((fault for fault in self.planned if fault.kind == kind), None)
        return due is not None and self._use(due) is not None

    def _use(self, fault: Fault) -> Fault:
        fault.times -= 1
        if fault.times <= 0:
            self.planned.remove(fault)
        return fault
