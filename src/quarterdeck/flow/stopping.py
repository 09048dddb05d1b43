"""What does a stop of a session do? The statements that every door's stop consists of, in their order."""

from quarterdeck.store import events, holding, inbox, sessions
from quarterdeck.store.operations import Statement


def stop(session_id: str, by: str, now: float) -> list[Statement]:
    """Stop everything accepted up to the head, and tell it: what waits, and answers that are not sent yet.

    Put behind the operation's events that are numbered from the head. The running turn is cut by a hint; should it
    be lost, the turn finds the stop at its next intent or its end.

    It has the session before it counts: who waits for the row in the statement that counts has counted too early.
    """
    return [
        sessions.stop(session_id),
        *events.insert_found(session_id, inbox.stopped_told(session_id, by), now),
        inbox.stop_waiting(session_id, by, now),
        holding.keep_answers(session_id),
        *events.insert_found(session_id, holding.held_told(), now),
        holding.hold_answers(session_id, now),
    ]
