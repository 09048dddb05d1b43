"""A signed statement of how the audit log looked at one size: how is it written, signed and checked?

The text is a C2SP tlog-checkpoint (c2sp.org/tlog-checkpoint) inside a signed note with one Ed25519 signature
(c2sp.org/signed-note), so that any verifier of such logs can read it:

    quarterdeck/acme                                   origin: one log for each tenant
    300                                                number of leaves
    CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=       root
    time 2026-03-01T12:00:00.000000Z                   when it was sealed
    previous 280                                       size of the checkpoint before, 0 for the first

    - quarterdeck/acme <key id and signature>          (with an em dash)

`previous` chains the checkpoints: none of them can be taken out unnoticed.
"""

import os
import re
import stat
import tempfile
from base64 import b64decode, b64encode
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path

# Key files are read and written by cryptography's `serialization`, which brings its SSH formats with it: it is
# imported where a key file is touched.
import msgspec
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from quarterdeck.base.errors import BadInput, ConfigRefused, Conflict

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_ED25519 = b"\x01"  # c2sp.org/signed-note, "Signature types"
_TEXT = re.compile(
    r"(?P<origin>[^\s+]+)\n(?P<size>[1-9][0-9]{0,17})\n(?P<root>[A-Za-z0-9+/]{43}=)\n"
    r"time (?P<time>[^\s]+Z)\nprevious (?P<previous>0|[1-9][0-9]{0,17})\n"
)


class Checkpoint(msgspec.Struct, frozen=True):
    """A log's size and root at one time (microseconds since 1970); `previous` is the size sealed before."""

    origin: str
    size: int
    root: bytes
    time_us: int
    previous: int

    @property
    def sealed_at(self) -> float:
        """`time_us` in seconds, for the column beside the note; the verifier expects exactly this value."""
        return self.time_us / 1_000_000

    def text(self) -> str:
        """What is signed."""
        time = (_EPOCH + timedelta(microseconds=self.time_us)).replace(tzinfo=None)
        return (
            f"{self.origin}\n{self.size}\n{b64encode(self.root).decode()}\n"
            f"time {time.isoformat(timespec='microseconds')}Z\nprevious {self.previous}\n"
        )


def origin_of(tenant: str) -> str:
    """The name of a tenant's log. Raises BadInput when the name cannot stand in a signed note."""
    if not re.fullmatch(r"[^\s+]+", tenant):
        raise BadInput("tenant", "it is empty or holds a space or a plus sign", "Choose another name.")
    return f"quarterdeck/{tenant}"


def sign(checkpoint: Checkpoint, key: Ed25519PrivateKey) -> str:
    """The signed note."""
    text = checkpoint.text()
    signature = _key_id(checkpoint.origin, key.public_key()) + key.sign(text.encode())
    return f"{text}\n\N{EM DASH} {checkpoint.origin} {b64encode(signature).decode()}\n"


def verify(note: str, key: Ed25519PublicKey) -> Checkpoint:
    """The checkpoint in `note`. Raises BadInput when it is malformed or not signed by `key`."""
    text, _, signatures = note.partition("\n\n")
    checkpoint = _parse(text + "\n")
    prefix = f"\N{EM DASH} {checkpoint.origin} "
    try:
        signature = b64decode(signatures.removeprefix(prefix).removesuffix("\n"), validate=True)
        key.verify(signature[4:], checkpoint.text().encode())
    except (ValueError, InvalidSignature):
        raise BadInput("note", "its signature does not belong to this key", "Verify the audit log.") from None
    # one encoding for one checkpoint: no second signature line, no other spelling of the same bytes
    canonical = _key_id(checkpoint.origin, key) + signature[4:]
    if note != f"{checkpoint.text()}\n{prefix}{b64encode(canonical).decode()}\n":
        raise BadInput("note", "it is not written as a checkpoint is", "Verify the audit log.")
    return checkpoint


def create_key(path: Path) -> Ed25519PrivateKey:
    """A new signing key in the PEM file at `path` (mode 0600), its public half beside it in `path`.pub.

    For the first start only: a key that is lost must not be replaced silently, because nothing ties its
    checkpoints to those of another key. Raises Conflict when there is a file at `path` already.
    """
    from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    key = Ed25519PrivateKey.generate()
    _write_once(path, key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()), 0o600)
    public = path.with_name(path.name + ".pub")
    public.unlink(missing_ok=True)  # of a key that is gone
    _write_once(public, public_pem(key), 0o644)
    return key


def load_key(path: Path) -> Ed25519PrivateKey:
    """The signing key in the PEM file at `path`.

    Raises ConfigRefused when it is missing, when others may read it, or when it is no Ed25519 key.
    """
    fix = "Restore it from a backup, or set audit.key where several processes share the database."
    try:
        if stat.S_IMODE(path.stat().st_mode) & 0o077:
            raise ConfigRefused(str(path), "other users may read the audit key", f"Run: chmod 600 {path}")
        pem = path.read_bytes()
    except OSError as error:
        raise ConfigRefused(str(path), f"it is not usable ({error})", fix) from error
    return read_key(pem, str(path), fix)


def read_key(pem: bytes, where: str, fix: str) -> Ed25519PrivateKey:
    """The signing key that `pem` is. Raises ConfigRefused, naming `where`, when it is no Ed25519 key."""
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    try:
        key = load_pem_private_key(pem, password=None)
    except (TypeError, ValueError) as error:
        raise ConfigRefused(where, f"it is not usable ({error})", fix) from error
    if not isinstance(key, Ed25519PrivateKey):
        raise ConfigRefused(where, "it is not an Ed25519 key", fix)
    return key


def keep_public(path: Path, key: Ed25519PrivateKey) -> None:
    """Put the public half of a key that lies elsewhere in `path`.pub, for whoever verifies here."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    public = path.with_name(path.name + ".pub")
    public.unlink(missing_ok=True)
    _write_once(public, public_pem(key), 0o644)


def check_key(note: str, key: Ed25519PrivateKey, where: str) -> None:
    """Raises ConfigRefused when the newest checkpoint was not signed by `key`: what it seals would tie to nothing."""
    try:
        verify(note, key.public_key())
    except BadInput as error:
        raise ConfigRefused(where, "the record was sealed with another key", "Use that one.") from error


def public_pem(key: Ed25519PrivateKey) -> bytes:
    """The public half of `key`, for whoever verifies."""
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    return key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


def _write_once(path: Path, data: bytes, mode: int) -> None:
    """Make a file that is complete and on disk when it appears. Raises Conflict instead of replacing one."""
    handle, temporary = tempfile.mkstemp(dir=path.parent)
    try:
        with os.fdopen(handle, "wb") as file:
            os.fchmod(handle, mode)
            file.write(data)
            file.flush()
            os.fsync(handle)
        os.link(temporary, path)
    except FileExistsError as error:
        raise Conflict(f"{path} exists already and is not replaced.") from error
    finally:
        os.unlink(temporary)
    directory = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)


def _key_id(name: str, key: Ed25519PublicKey) -> bytes:
    return sha256(name.encode() + b"\n" + _ED25519 + key.public_bytes_raw()).digest()[:4]


def _parse(text: str) -> Checkpoint:
    found = _TEXT.fullmatch(text)
    if found is None:
        raise BadInput("note", "it is not written as a checkpoint is", "Verify the audit log.")
    try:
        time = datetime.fromisoformat(found["time"]) - _EPOCH
    except ValueError as error:
        raise BadInput("note", "its time is not RFC 3339", "Verify the audit log.") from error
    return Checkpoint(
        origin=found["origin"],
        size=int(found["size"]),
        root=b64decode(found["root"]),
        time_us=time // timedelta(microseconds=1),
        previous=int(found["previous"]),
    )
