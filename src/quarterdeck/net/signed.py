"""Signed requests to an address of one's own, by the scheme of Standard Webhooks.

`webhook-signature` is `v1,` and the base64 of HMAC-SHA256 over `{webhook-id}.{webhook-timestamp}.{body}`; the secret is
`whsec_` and base64 of 24 to 64 bytes (standardwebhooks.com, spec/standard-webhooks.md, "Signature scheme" and
"Symmetric"). An id is used once, and a receiver refuses old timestamps: what was sent cannot be played again.
"""

import base64
import binascii
import hmac

from quarterdeck.base.clock import Clock
from quarterdeck.base.errors import ConfigRefused
from quarterdeck.base.secrets import SecretReader, SecretRef
from quarterdeck.net.client import Client
from quarterdeck.net.outgoing import Outgoing, Response, Timeouts

MAX_REPLY = 8_000_000
CALL_SECONDS = 10.0
SECRET_BYTES = (24, 64)


class SignedPost:
    """Posts to one address. Redirects are not followed; the client is shared. `path` is the secret's in the file."""

    def __init__(
        self, url: str, secret: SecretRef, path: str, client: Client, secrets: SecretReader, clock: Clock
    ) -> None:
        self._url = url
        self._secret = secret
        self._path = path
        self._client = client
        self._secrets = secrets
        self._clock = clock

    async def check(self) -> None:
        """Raises ConfigRefused when its secret is not there, or is none."""
        await self._key()

    async def post(self, event_id: str, body: bytes) -> Response:
        """The answer, whatever its status. Raises NetError, and ConfigRefused when the secret is gone."""
        at = int(self._clock.now())
        headers = {
            "Content-Type": "application/json",
            "webhook-id": event_id,
            "webhook-timestamp": str(at),
            "webhook-signature": sign(await self._key(), event_id, at, body),
        }
        out = Outgoing(
            method="POST",
            url=self._url,
            trusted=True,
            headers=headers,
            body=body,
            timeouts=Timeouts(CALL_SECONDS, CALL_SECONDS, CALL_SECONDS, CALL_SECONDS),
            max_bytes=MAX_REPLY,
        )
        return await self._client.request(out)

    async def _key(self) -> bytes:
        secret = await self._secrets.read(self._secret, self._path)
        return key_of(secret.reveal(), self._path)


def key_of(secret: str, path: str) -> bytes:
    """The bytes of a signing secret. Raises ConfigRefused for one that is none; it does not show it."""
    try:
        key = base64.b64decode(secret.removeprefix("whsec_"), validate=True)
    except (binascii.Error, ValueError):
        key = b""
    if not secret.startswith("whsec_") or not SECRET_BYTES[0] <= len(key) <= SECRET_BYTES[1]:
        fix = 'Make one: echo "whsec_$(head -c 32 /dev/urandom | base64)"'
        raise ConfigRefused(path, "the secret is not whsec_ and base64 of 24 to 64 bytes", fix)
    return key


def sign(key: bytes, event_id: str, at: int, body: bytes) -> str:
    """The value of `webhook-signature`."""
    signed = f"{event_id}.{at}.".encode() + body
    return "v1," + base64.b64encode(hmac.digest(key, signed, "sha256")).decode()
