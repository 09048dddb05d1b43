"""The use cases of proofs under a clock of the test: expiry to the second, revocation, and no way around."""

import hashlib
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from quarterdeck.actions.signin import BROWSER_SECONDS, CODE_SECONDS, Signin
from quarterdeck.actions.tokens import Tokens
from quarterdeck.base.crash import CrashPoints
from quarterdeck.base.errors import BadInput, Conflict, NotAllowed, NotFound
from quarterdeck.base.ids import IdSource
from quarterdeck.governance.audit import SYSTEM, Auditor
from quarterdeck.governance.principal import RECALL_SECONDS
from quarterdeck.store.migrate import migrate
from quarterdeck.store.sqlite import SqliteStore


class SetClock:
    """A clock that stands still until it is moved."""

    def __init__(self) -> None:
        self.seconds = 1_800_000_000.0

    def now(self) -> float:
        return self.seconds

    def monotonic(self) -> float:
        return self.seconds


class Proofs:
    def __init__(self, store: SqliteStore) -> None:
        self.clock = SetClock()
        self.store = store
        self.tokens = self.another_process()
        self.signin = Signin(store, Auditor(self.clock, IdSource(self.clock)), self.clock)

    def another_process(self) -> Tokens:
        new_id = IdSource(self.clock)
        return Tokens(self.store, Auditor(self.clock, new_id), self.clock, new_id)


@pytest.fixture
async def proofs(tmp_path: Path) -> AsyncIterator[Proofs]:
    path = tmp_path / "quarterdeck.db"
    migrate(path)
    store = SqliteStore(path, CrashPoints(), lambda error: None)
    yield Proofs(store)
    await store.close()


async def test_a_token_expires_to_the_second_though_it_was_used_before(proofs: Proofs) -> None:
    seconds = 62  # in the middle of what is remembered between two reads
    new = await proofs.tokens.create("ci", ["chat"], seconds, SYSTEM)
    assert new.expires_at == proofs.clock.now() + seconds
    for _ in range(seconds):
        assert await proofs.tokens.verify(new.token)
        proofs.clock.seconds += 1
    assert await proofs.tokens.verify(new.token) is None
    assert [one.state for one in await proofs.tokens.list(10)] == ["expired"]


async def test_a_revoked_token_ends_at_once_here_and_soon_elsewhere(proofs: Proofs) -> None:
    new, elsewhere = await proofs.tokens.create("ci", ["chat"], None, SYSTEM), proofs.another_process()
    assert await proofs.tokens.verify(new.token)
    assert await elsewhere.verify(new.token)
    await proofs.tokens.revoke(new.id, SYSTEM)
    assert await proofs.tokens.verify(new.token) is None
    proofs.clock.seconds += RECALL_SECONDS
    assert await elsewhere.verify(new.token) is None


async def test_both_texts_of_a_rotated_token_hold_until_the_overlap_ends(proofs: Proofs) -> None:
    old = await proofs.tokens.create("ci", ["chat"], None, SYSTEM)
    was = await proofs.tokens.verify(old.token)
    new = await proofs.tokens.rotate(old.id, 62, None, SYSTEM)
    assert new.id == old.id
    assert new.token != old.token
    assert [one.state for one in await proofs.tokens.list(10)] == ["rotating"]
    for _ in range(62):
        assert await proofs.tokens.verify(old.token) == was
        assert await proofs.tokens.verify(new.token) == was
        proofs.clock.seconds += 1
    assert await proofs.tokens.verify(old.token) is None
    assert await proofs.tokens.verify(new.token) == was
    assert [one.state for one in await proofs.tokens.list(10)] == ["active"]


async def test_a_rotation_without_overlap_ends_the_old_text_at_once(proofs: Proofs) -> None:
    old = await proofs.tokens.create("ci", ["chat"], None, SYSTEM)
    assert await proofs.tokens.verify(old.token)
    new = await proofs.tokens.rotate(old.id, 0, None, SYSTEM)
    assert await proofs.tokens.verify(old.token) is None
    assert await proofs.tokens.verify(new.token)


async def test_a_second_rotation_and_a_revocation_end_what_was_before(proofs: Proofs) -> None:
    first = await proofs.tokens.create("ci", ["chat"], None, SYSTEM)
    second = await proofs.tokens.rotate(first.id, 3600, None, SYSTEM)
    third = await proofs.tokens.rotate(first.id, 3600, None, SYSTEM)
    assert [bool(await proofs.tokens.verify(one.token)) for one in (first, second, third)] == [False, True, True]
    await proofs.tokens.revoke(first.id, SYSTEM)
    assert [bool(await proofs.tokens.verify(one.token)) for one in (first, second, third)] == [False] * 3
    with pytest.raises(Conflict):
        await proofs.tokens.rotate(first.id, 3600, None, SYSTEM)


async def test_an_old_text_does_not_outlive_its_own_expiry(proofs: Proofs) -> None:
    old = await proofs.tokens.create("ci", ["chat"], 60, SYSTEM)
    new = await proofs.tokens.rotate(old.id, 3600, 7200, SYSTEM)
    assert (new.previous_until, new.expires_at) == (proofs.clock.now() + 60, proofs.clock.now() + 7200)
    proofs.clock.seconds += 60
    assert await proofs.tokens.verify(old.token) is None
    assert await proofs.tokens.verify(new.token)
    proofs.clock.seconds += 7140
    with pytest.raises(Conflict):
        await proofs.tokens.rotate(old.id, 0, None, SYSTEM)


async def test_last_use_is_written_later_and_for_all_at_once(proofs: Proofs) -> None:
    one, two, never = [await proofs.tokens.create(name, ["chat"], None, SYSTEM) for name in ("a", "b", "c")]
    await proofs.tokens.verify(one.token)
    proofs.clock.seconds += 10
    await proofs.tokens.verify(one.token)
    await proofs.tokens.verify(two.token)
    now = proofs.clock.now()
    read = proofs.another_process()
    assert [row.used_at for row in await read.list(10)] == [None, None, None]
    assert [row.used_at for row in await proofs.tokens.list(10)] == [None, now, now]
    await proofs.tokens.write_used()
    for tokens in (read, proofs.tokens):
        assert {row.id: row.used_at for row in await tokens.list(10)} == {one.id: now, two.id: now, never.id: None}
    seen = await proofs.store.fetch("PRAGMA data_version", {})
    await proofs.tokens.write_used()
    assert await proofs.store.fetch("PRAGMA data_version", {}) == seen, "nothing new was used"


@pytest.mark.parametrize("change", ["", "x", "\u00e9", " "])
async def test_what_is_not_the_token_is_nobody(proofs: Proofs, change: str) -> None:
    new = await proofs.tokens.create("ci", ["chat"], None, SYSTEM)
    assert await proofs.tokens.verify(new.token[:-1] + change) is None
    assert await proofs.tokens.verify(hashlib.sha256(new.token.encode()).hexdigest()) is None


@pytest.mark.parametrize(
    ("name", "scopes", "seconds", "field"),
    [
        ("", ["chat"], None, "name"),
        ("x" * 101, ["chat"], None, "name"),
        ("ci", [], None, "scopes"),
        ("ci", ["root"], None, "scopes"),
        ("ci", ["chat"], 0.0, "expires_seconds"),
    ],
)
async def test_wrong_wishes_name_the_field(
    proofs: Proofs, name: str, scopes: list[str], seconds: float | None, field: str
) -> None:
    with pytest.raises(BadInput) as refused:
        await proofs.tokens.create(name, scopes, seconds, SYSTEM)
    assert refused.value.field == field


async def test_revoking_what_is_not_there(proofs: Proofs) -> None:
    with pytest.raises(NotFound):
        await proofs.tokens.revoke("tok_none", SYSTEM)


async def test_a_code_runs_out(proofs: Proofs) -> None:
    late, last = await proofs.signin.make_code(SYSTEM), await proofs.signin.make_code(SYSTEM)
    proofs.clock.seconds += CODE_SECONDS - 1
    assert await proofs.signin.check(await proofs.signin.exchange(last.code))
    proofs.clock.seconds += 1
    with pytest.raises(NotAllowed):
        await proofs.signin.exchange(late.code)


async def test_a_cookie_runs_out_and_ends(proofs: Proofs) -> None:
    first = await proofs.signin.exchange((await proofs.signin.make_code(SYSTEM)).code)
    second = await proofs.signin.exchange((await proofs.signin.make_code(SYSTEM)).code)
    await proofs.signin.end(second)
    assert await proofs.signin.check(second) is None
    assert await proofs.signin.check(first)
    proofs.clock.seconds += BROWSER_SECONDS
    assert await proofs.signin.check(first) is None


async def test_old_codes_do_not_pile_up(proofs: Proofs) -> None:
    for _ in range(5):
        await proofs.signin.make_code(SYSTEM)
        proofs.clock.seconds += 2 * 86_400
    assert (await proofs.store.fetch("SELECT COUNT(*) FROM signin_codes", {}))[0][0] == 1
