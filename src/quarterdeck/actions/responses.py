"""Stored responses of API clients: what a client does with one beside reading it."""

from quarterdeck.base.errors import Conflict
from quarterdeck.governance.audit import Auditor, Subject
from quarterdeck.governance.leaf import Actor
from quarterdeck.store import inbox
from quarterdeck.store.database import Store
from quarterdeck.store.inbox import InboxRow
from quarterdeck.store.operations import ExpectationFailed, operation


class Responses:
    """The use case of deleting one."""

    def __init__(self, store: Store, auditor: Auditor) -> None:
        self._store = store
        self._auditor = auditor

    async def delete(self, row: InboxRow, actor: Actor) -> None:
        """Forget what was asked: nobody is shown the response again, nothing goes on from it. What was said stays in
        its conversation. Raises Conflict when it was deleted meanwhile.
        """
        about = Subject(connection=row.connection, session=row.session_id, resource=row.id)
        record = self._auditor.record("change.response.deleted", actor, about, outcome="done")
        try:
            await self._store.commit(operation("response", inbox.forget_asked(row.id), record))
        except ExpectationFailed as error:
            raise Conflict(f"the response of {row.id} was deleted meanwhile") from error
