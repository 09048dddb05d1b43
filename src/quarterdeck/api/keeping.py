"""Was this asked before? A request with an Idempotency-Key is done once, and answered alike however often it is sent.

The key belongs to one asker, one route and one path. What was asked (as a digest) and the answer are kept for at least
24 hours, in the operation that does it: a process that dies between the deed and its answer forgets neither. The
answer is sealed under the key, which is not kept itself, so that a token's text is in no database.
The header: draft-ietf-httpapi-idempotency-key-header-07; a key is taken as it stands, quoted or not.
"""

import hashlib
import hmac
import os
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

import msgspec
from starlette.responses import Response

from quarterdeck.api.problems import KeyReused
from quarterdeck.base.clock import Clock
from quarterdeck.base.errors import BadInput, Conflict
from quarterdeck.store import answers
from quarterdeck.store.answers import KeptAnswer
from quarterdeck.store.database import Store
from quarterdeck.store.operations import Statement

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

HEADER = "Idempotency-Key"
REPLAYED = "Idempotency-Replayed"
SECRET_LENGTH = 20  # of a key under which a secret is kept
NONCE_BYTES = 12


class Asked(msgspec.Struct, frozen=True):
    """A request under a key: which route and path, by whom (a principal's id), and what. `status` is a good answer's.

    `request` is empty where only the handler will have seen what was asked (a file).
    """

    key: str
    name: str
    path: str
    principal: str
    request: bytes
    status: int


class Keeping:
    """One request under a key, on its way to the operation that does it."""

    def __init__(self, asked: Asked, now: float) -> None:
        self._key = asked.key.encode()
        self.key_hash = _digest(asked.name.encode(), asked.path.encode(), asked.principal.encode(), self._key)
        self.request_hash = _digest(asked.request)
        self._status = asked.status
        self._now = now

    def statements(self, answer: msgspec.Struct, request: bytes = b"") -> list[Statement]:
        """What keeps the answer; `request` stands for what was asked where only the handler has seen it."""
        if request:
            self.request_hash = _digest(request)
        nonce = os.urandom(NONCE_BYTES)
        sealed = nonce + self._cipher().encrypt(nonce, msgspec.json.encode(answer), self.key_hash)
        kept = KeptAnswer(self.key_hash, self.request_hash, self._status, sealed, self._now)
        return [answers.insert(kept), answers.drop_old(self._now)]

    def open(self, kept: KeptAnswer) -> Response:
        """The kept answer. Raises KeyReused when something else was asked."""
        if not hmac.compare_digest(kept.request_hash, self.request_hash):
            raise KeyReused("this Idempotency-Key was used for another request")
        nonce, sealed = kept.answer[:NONCE_BYTES], kept.answer[NONCE_BYTES:]
        body = self._cipher().decrypt(nonce, sealed, self.key_hash)
        return Response(body, kept.status, {"cache-control": "no-store", REPLAYED: "true"}, "application/json")

    def _cipher(self) -> "AESGCM":
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM  # half a megabyte for who sends a key

        return AESGCM(hmac.digest(self._key, b"quarterdeck kept answer" + self.key_hash, "sha256"))


class Keeper:
    """Finds kept answers, and lets requests without one be done."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock

    async def once(self, asked: Asked, act: Callable[[Keeping], Awaitable[object]]) -> object:
        """The kept answer, or that of `act`. Raises KeyReused when the key was used for something else."""
        keeping = Keeping(asked, self._clock.now())
        if asked.request and (kept := await answers.get(self._store, keeping.key_hash)) is not None:
            return keeping.open(kept)
        try:
            return await act(keeping)
        except Conflict:
            if (kept := await answers.get(self._store, keeping.key_hash)) is None:
                raise
            return keeping.open(kept)  # the same request was done before, or at the same moment


def check_secret(key: str) -> None:
    """A key that seals a secret must not be guessed. Raises BadInput."""
    if key and len(key) < SECRET_LENGTH:
        reason = f"has fewer than {SECRET_LENGTH} characters, and a token's text would be kept under it"
        raise BadInput(HEADER, reason, "Send a random one, such as a UUID, or none.")


def _digest(*parts: bytes) -> bytes:
    digest = hashlib.sha256()
    for part in parts:
        digest.update(len(part).to_bytes(8, "big") + part)
    return digest.digest()
