"""Proofs of who is asking: access tokens, sign-in codes and browsers. Only hashes are stored."""

from collections.abc import Mapping

import msgspec

from quarterdeck.store.database import Store
from quarterdeck.store.operations import Statement
from quarterdeck.store.rows import columns, value, values
from quarterdeck.store.tenancy import TENANT


class TokenRow(msgspec.Struct, frozen=True):
    """One row of `tokens`. `hash` is sha256 of the token, `scopes` are words parted by blanks.

    `previous_hash` is that of the token before the newest rotation; it holds until `previous_until`.
    """

    id: str
    name: str
    hash: bytes
    scopes: str
    created_at: float
    expires_at: float | None
    revoked_at: float | None
    previous_hash: bytes | None = None
    previous_until: float | None = None
    rotated_at: float | None = None
    used_at: float | None = None


class BrowserRow(msgspec.Struct, frozen=True):
    """One row of `browser_sessions`; `hash` is sha256 of the cookie."""

    hash: bytes
    created_at: float
    expires_at: float
    ended_at: float | None


# --- access tokens --------------------------------------------------------------------------------------------


def insert(row: TokenRow) -> Statement:
    """A new token."""
    marks = ", ".join(":" + name for name in TokenRow.__struct_fields__)
    return Statement(
        "tokens.insert",
        f"INSERT INTO tokens (tenant, {columns(TokenRow)}) VALUES (:tenant, {marks})",
        {"tenant": TENANT, **{name: getattr(row, name) for name in TokenRow.__struct_fields__}},
        expect=1,
    )


def revoke(token_id: str, now: float) -> Statement:
    """End a token, exactly once."""
    return Statement(
        "tokens.revoke",
        "UPDATE tokens SET revoked_at = :now WHERE tenant = :tenant AND id = :id AND revoked_at IS NULL",
        {"tenant": TENANT, "id": token_id, "now": now},
        expect=1,
    )


def rotate(row: TokenRow, digest: bytes, previous_until: float, expires_at: float | None, now: float) -> Statement:
    """A new hash takes the place of the one that was read, which holds for a while beside it."""
    return Statement(
        "tokens.rotate",
        "UPDATE tokens SET hash = :hash, previous_hash = :old, previous_until = :until, rotated_at = :now,"
        " expires_at = :expires WHERE tenant = :tenant AND id = :id AND hash = :old AND revoked_at IS NULL",
        {
            "tenant": TENANT,
            "id": row.id,
            "hash": digest,
            "old": row.hash,
            "until": previous_until,
            "expires": expires_at,
            "now": now,
        },
        expect=1,
    )


def used(last: Mapping[str, float]) -> Statement:
    """When tokens were used last: Unix seconds by id."""
    return Statement(
        "tokens.used",
        "UPDATE tokens SET used_at = (SELECT CAST(value AS REAL) FROM json_each(:last) WHERE key = tokens.id)"
        " WHERE tenant = :tenant AND id IN (SELECT key FROM json_each(:last))",
        {"tenant": TENANT, "last": msgspec.json.encode(last).decode()},
    )


async def get(store: Store, token_id: str) -> TokenRow | None:
    """One token."""
    rows = await store.fetch(
        f"SELECT {columns(TokenRow)} FROM tokens WHERE tenant = :tenant AND id = :id",
        {"tenant": TENANT, "id": token_id},
    )
    return value(TokenRow, rows[0]) if rows else None


async def by_hash(store: Store, digest: bytes) -> TokenRow | None:
    """The token whose hash this is, or was before its newest rotation, whatever its state."""
    rows = await store.fetch(
        f"SELECT {columns(TokenRow)} FROM tokens WHERE tenant = :tenant AND (hash = :hash OR previous_hash = :hash)",
        {"tenant": TENANT, "hash": digest},
    )
    return value(TokenRow, rows[0]) if rows else None


async def listed(store: Store, limit: int, before: str) -> list[TokenRow]:
    """Tokens for people: newest first, behind id `before`."""
    rows = await store.scan(
        f"SELECT {columns(TokenRow)} FROM tokens WHERE tenant = :tenant AND (:before = '' OR id < :before)"
        " ORDER BY id DESC LIMIT :limit",
        {"tenant": TENANT, "limit": limit, "before": before},
    )
    return values(TokenRow, rows)


# --- sign-in codes --------------------------------------------------------------------------------------------


def insert_code(digest: bytes, now: float, expires_at: float) -> Statement:
    """A new sign-in code."""
    return Statement(
        "signin_codes.insert",
        "INSERT INTO signin_codes (tenant, hash, created_at, expires_at) VALUES (:tenant, :hash, :now, :expires)",
        {"tenant": TENANT, "hash": digest, "now": now, "expires": expires_at},
        expect=1,
    )


def use_code(digest: bytes, now: float) -> Statement:
    """Use a code, exactly once and in time."""
    return Statement(
        "signin_codes.use",
        "UPDATE signin_codes SET used_at = :now WHERE tenant = :tenant AND hash = :hash AND used_at IS NULL"
        " AND expires_at > :now",
        {"tenant": TENANT, "hash": digest, "now": now},
        expect=1,
    )


def drop_codes(expired_before: float) -> Statement:
    """Codes that ran out long ago go when a new one is made."""
    return Statement(
        "signin_codes.drop",
        "DELETE FROM signin_codes WHERE tenant = :tenant AND expires_at < :before",
        {"tenant": TENANT, "before": expired_before},
    )


# --- browsers -------------------------------------------------------------------------------------------------


def insert_browser(digest: bytes, now: float, expires_at: float) -> Statement:
    """A browser signed in."""
    return Statement(
        "browser_sessions.insert",
        "INSERT INTO browser_sessions (tenant, hash, created_at, expires_at) VALUES (:tenant, :hash, :now, :expires)",
        {"tenant": TENANT, "hash": digest, "now": now, "expires": expires_at},
        expect=1,
    )


def end_browser(digest: bytes, now: float) -> Statement:
    """A browser signed out, exactly once."""
    return Statement(
        "browser_sessions.end",
        "UPDATE browser_sessions SET ended_at = :now WHERE tenant = :tenant AND hash = :hash AND ended_at IS NULL",
        {"tenant": TENANT, "hash": digest, "now": now},
        expect=1,
    )


async def browser(store: Store, digest: bytes) -> BrowserRow | None:
    """The browser with this cookie's hash, whatever its state."""
    rows = await store.fetch(
        f"SELECT {columns(BrowserRow)} FROM browser_sessions WHERE tenant = :tenant AND hash = :hash",
        {"tenant": TENANT, "hash": digest},
    )
    return value(BrowserRow, rows[0]) if rows else None


async def browsers(store: Store, now: float, limit: int) -> list[BrowserRow]:
    """The browsers that are signed in, newest first."""
    rows = await store.scan(
        f"SELECT {columns(BrowserRow)} FROM browser_sessions WHERE tenant = :tenant AND ended_at IS NULL"
        " AND expires_at > :now ORDER BY created_at DESC, hash LIMIT :limit",
        {"tenant": TENANT, "now": now, "limit": limit},
    )
    return values(BrowserRow, rows)
