"""A file that somebody hands in at a door, to be named in a message later."""

from collections.abc import AsyncIterator

from quarterdeck.base.clock import Clock
from quarterdeck.base.errors import BadInput, NotFound
from quarterdeck.governance.audit import Auditor, Subject
from quarterdeck.governance.principal import Principal
from quarterdeck.store import blobs, uploads
from quarterdeck.store.blobs import Blob, Blobs
from quarterdeck.store.database import Store
from quarterdeck.store.operations import Riding, nothing_rides, operation


class Uploads:
    """The use cases of keeping one, and of naming it."""

    def __init__(self, store: Store, blobs: Blobs, auditor: Auditor, clock: Clock) -> None:
        self._store = store
        self._blobs = blobs
        self._auditor = auditor
        self._clock = clock

    async def keep(
        self,
        chunks: AsyncIterator[bytes],
        mime: str,
        principal: Principal,
        riding: Riding[Blob] = nothing_rides,
    ) -> Blob:
        """Write bytes, then the rows that refer to them. Raises BadInput when there are too many."""
        blob = await self._blobs.write(chunks, mime)
        record = self._auditor.record(
            "change.blob.stored", principal.actor, Subject(resource=blob.digest), outcome="done"
        )
        now = self._clock.now()
        of = uploads.insert(blob.digest, principal.id, now)
        await self._store.commit(operation("blob", blobs.row(blob, now), of, record, riding(blob)))
        return blob

    async def named(self, digest: str, principal: Principal) -> Blob:
        """The file that `principal` names: one of its own, or any for who may read all.

        Raises BadInput, in the same words for what is not there and what is somebody else's.
        """
        mine = principal.may("read") or await uploads.is_of(self._store, digest, principal.id)
        try:
            if not mine:
                raise NotFound(f"{digest} was handed in by somebody else")
            return await blobs.get(self._store, digest)
        except NotFound as error:
            raise BadInput("attachments", f"there is no file {digest}", "Send it to /api/v1/blobs first.") from error
