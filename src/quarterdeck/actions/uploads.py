"""A file that somebody hands in at a door, to be named in a message later."""

from collections.abc import AsyncIterator

from quarterdeck.governance.audit import Auditor, Subject
from quarterdeck.governance.leaf import Actor
from quarterdeck.store.blobs import Blob, Blobs
from quarterdeck.store.database import Store
from quarterdeck.store.operations import operation


class Uploads:
    """The use case of keeping one."""

    def __init__(self, store: Store, blobs: Blobs, auditor: Auditor) -> None:
        self._store = store
        self._blobs = blobs
        self._auditor = auditor

    async def keep(self, chunks: AsyncIterator[bytes], mime: str, actor: Actor) -> Blob:
        """Write bytes, then the row that refers to them. Raises BadInput when there are too many."""
        blob = await self._blobs.write(chunks, mime)
        record = self._auditor.record("change.blob.stored", actor, Subject(resource=blob.digest), outcome="done")
        await self._store.commit(operation("blob", self._blobs.row(blob), record))
        return blob
