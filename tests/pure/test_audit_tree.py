"""The audit record's values (tree, leaf, checkpoint) against independent implementations and vectors."""

import json
import stat
import timeit
from base64 import b64decode, b64encode
from hashlib import sha256
from pathlib import Path
from typing import Any

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import load_pem_public_key
from hypothesis import given, settings
from hypothesis import strategies as st
from pymerkle import InmemoryTree, verify_consistency

from quarterdeck.base.errors import BadInput, ConfigRefused, Conflict
from quarterdeck.governance import checkpoint, leaf, tree

# The leaves and roots that Certificate Transparency implementations of RFC 6962 test themselves with.
VECTOR_LEAVES = [
    b"",
    b"\x00",
    b"\x10",
    b"\x20\x21",
    b"\x30\x31",
    b"\x40\x41\x42\x43",
    b"\x50\x51\x52\x53\x54\x55\x56\x57",
    bytes(range(0x60, 0x70)),
]
VECTOR_ROOTS = [
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
]


def entries(count: int) -> list[bytes]:
    return [f"entry {number}".encode() for number in range(count)]


def hashes(count: int) -> list[bytes]:
    return [tree.hash_leaf(entry) for entry in entries(count)]


def independent(leaves: list[bytes]) -> Any:
    return InmemoryTree.init_from_entries(leaves)


def pymerkle_root(leaves: list[bytes]) -> bytes:
    return independent(leaves).get_root()


# -- tree ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", range(9))
def test_roots_are_those_of_the_known_vectors(size: int) -> None:
    assert tree.root_of(map(tree.hash_leaf, VECTOR_LEAVES[:size])).hex() == VECTOR_ROOTS[size]


@settings(deadline=None, max_examples=60)
@given(st.integers(1, 600))
def test_a_root_is_pymerkles(size: int) -> None:
    assert tree.root_of(hashes(size)) == independent(entries(size)).get_root()


@settings(deadline=None, max_examples=60)
@given(st.data())
def test_a_frontier_goes_on_wherever_it_was_kept(data: st.DataObject) -> None:
    size = data.draw(st.integers(0, 300))
    cuts = sorted(data.draw(st.lists(st.integers(0, size), max_size=5)))
    frontier = tree.Frontier()
    for low, high in zip([0, *cuts], [*cuts, size], strict=True):
        kept = tree.Frontier.from_bytes(frontier.size, frontier.to_bytes())
        frontier = kept.extend(hashes(size)[low:high])
    assert frontier.size == size
    assert len(frontier.hashes) == size.bit_count()
    assert frontier.root() == tree.root_of(hashes(size))


@pytest.mark.parametrize(("size", "packed"), [(3, b"x" * 32), (0, b"x" * 32), (2, b"x" * 31), (-1, b"x" * 32)])
def test_a_frontier_of_another_size_is_refused(size: int, packed: bytes) -> None:
    with pytest.raises(BadInput):
        tree.Frontier.from_bytes(size, packed)


@settings(deadline=None, max_examples=150)
@given(st.data())
def test_inclusion_proofs_are_pymerkles(data: st.DataObject) -> None:
    size = data.draw(st.integers(1, 300))
    index = data.draw(st.integers(0, size - 1))
    other = independent(entries(size))
    proof = tree.inclusion_proof(hashes(size), index)
    theirs = other.prove_inclusion(index + 1)
    assert [hashes(size)[index], *proof] == theirs.path
    assert tree.verify_inclusion(hashes(size)[index], index, size, theirs.path[1:], other.get_root())


def subproof(old: int, leaves: list[bytes], complete: bool) -> list[bytes]:
    """SUBPROOF of RFC 6962 section 2.1.2, word by word, over pymerkle's roots."""
    if old == len(leaves):
        return [] if complete else [pymerkle_root(leaves)]
    k = 1
    while 2 * k < len(leaves):
        k *= 2
    if old <= k:
        return [*subproof(old, leaves[:k], complete), pymerkle_root(leaves[k:])]
    return [*subproof(old - k, leaves[k:], complete=False), pymerkle_root(leaves[:k])]


@settings(deadline=None, max_examples=150)
@given(st.data())
def test_consistency_proofs_are_those_of_the_definition(data: st.DataObject) -> None:
    """pymerkle's own proofs split the range another way than the RFC, so they are checked with our roots."""
    size = data.draw(st.integers(1, 300))
    old = data.draw(st.integers(1, size))
    other = independent(entries(size))
    ours = tree.consistency_proof(hashes(size), old)
    assert ours == subproof(old, entries(size), complete=True)
    assert tree.verify_consistency(old, size, other.get_root(old), other.get_root(), ours)
    theirs = other.prove_consistency(old, size)
    verify_consistency(tree.root_of(hashes(old)), tree.root_of(hashes(size)), theirs, old, size)


def test_the_consistency_proofs_of_rfc_6962_section_2_1_3() -> None:
    a, b, c, d, e, f, j = leaves = hashes(7)
    node = tree.hash_node
    g, h, i = node(a, b), node(c, d), node(e, f)
    k, el = node(g, h), node(i, j)
    assert tree.consistency_proof(leaves, 3) == [c, d, g, el]
    assert tree.consistency_proof(leaves, 4) == [el]
    assert tree.consistency_proof(leaves, 6) == [i, j, k]
    assert [tree.inclusion_proof(leaves, at) for at in (0, 3, 4, 6)] == [
        [b, h, el],
        [c, g, el],
        [f, j, k],
        [i, k],
    ]


@settings(deadline=None, max_examples=150)
@given(st.data())
def test_a_proof_shows_nothing_else(data: st.DataObject) -> None:
    size = data.draw(st.integers(2, 200))
    index, other = data.draw(st.lists(st.integers(0, size - 1), min_size=2, max_size=2, unique=True))
    leaves = hashes(size)
    root, proof = tree.root_of(leaves), tree.inclusion_proof(leaves, index)
    assert not tree.verify_inclusion(leaves[other], index, size, proof, root)
    assert not tree.verify_inclusion(leaves[index], other, size, proof, root)
    assert not tree.verify_inclusion(leaves[index], index, size, proof[:-1], root)
    assert not tree.verify_inclusion(leaves[index], index, size, [*proof, root], root)
    assert not tree.verify_inclusion(leaves[index], size, size, proof, root)

    old = data.draw(st.integers(1, size - 1))
    old_root, proof = tree.root_of(leaves[:old]), tree.consistency_proof(leaves, old)
    assert not tree.verify_consistency(old, size, old_root, leaves[0] + root, proof)
    assert not tree.verify_consistency(old, size, tree.root_of([*leaves[: old - 1], root]), root, proof)
    assert not tree.verify_consistency(old, size, old_root, root, proof[:-1])
    assert not tree.verify_consistency(old, size, old_root, root, [*proof, root])
    assert not tree.verify_consistency(0, size, old_root, root, proof)
    assert not tree.verify_consistency(size, size, old_root, root, [])


def test_there_is_no_proof_of_what_is_not_there() -> None:
    with pytest.raises(BadInput):
        tree.inclusion_proof(hashes(3), 3)
    with pytest.raises(BadInput):
        tree.consistency_proof(hashes(3), 4)


# -- leaf ------------------------------------------------------------------------------------------

ANNA = leaf.Actor(kind="person", id="p-1")
FULL = leaf.Leaf(
    actor=ANNA,
    assistant="default",
    commitment=leaf.commit_to(b"salt", b"content"),
    connection="tg",
    decision=leaf.Decision(effect="allow", rule="tools.read", policy_digest="d1"),
    id="01",
    intent="00",
    outcome="ok",
    resource="tool/search",
    session="s-1",
    tenant="default",
    time_us=1_770_000_000_123_456,
    turn="t-1",
    type="tool.outcome",
)


def test_the_bytes_of_a_leaf() -> None:
    assert leaf.encode_leaf(FULL) == (
        b'{"actor":{"id":"p-1","kind":"person"},"assistant":"default",'
        b'"commitment":"5a2e0c3ae4dce2b4a0d0ea0be1d4d4a0","connection":"tg",'
        b'"decision":{"effect":"allow","policy_digest":"d1","rule":"tools.read"},"id":"01","intent":"00",'
        b'"outcome":"ok","resource":"tool/search","session":"s-1","tenant":"default",'
        b'"time_us":1770000000123456,"turn":"t-1","type":"tool.outcome","v":1}'
    ).replace(b"5a2e0c3ae4dce2b4a0d0ea0be1d4d4a0", FULL.commitment.encode())


def test_empty_fields_are_absent() -> None:
    lean = leaf.Leaf(actor=ANNA, id="01", tenant="default", time_us=5, type="message.in")
    assert leaf.encode_leaf(lean) == (
        b'{"actor":{"id":"p-1","kind":"person"},"id":"01","tenant":"default","time_us":5,"type":"message.in","v":1}'
    )


NAMES = st.text(st.characters(codec="utf-8"), min_size=1, max_size=20)


@settings(deadline=None)
@given(NAMES, NAMES, st.text(st.characters(codec="utf-8")), st.integers(-(2**63), 2**63 - 1))
def test_the_bytes_are_those_of_another_json_library(name: str, tenant: str, resource: str, time_us: int) -> None:
    made = leaf.Leaf(
        actor=leaf.Actor(kind="system", id=name),
        id=name,
        tenant=tenant,
        resource=resource,
        time_us=time_us,
        type="a.b",
    )
    data = leaf.encode_leaf(made)
    again = json.dumps(json.loads(data), sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()
    assert data == again
    assert leaf.verify_leaf(data) == made


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b'"id":"01"', b'"id": "01"'),
        (b'"id":"01","intent":"00"', b'"intent":"00","id":"01"'),
        (b'"time_us":1770000000123456', b'"time_us":1770000000123456.0'),
        (b'"time_us":1770000000123456', b'"time_us":1.770000000123456e15'),
        (b'"time_us":1770000000123456', b'"time_us":"1770000000123456"'),
        (b'"turn":"t-1"', b'"turn":""'),
        (b'"turn":"t-1"', b'"turn":"t-1","turn":"t-1"'),
        (b'"turn":"t-1"', b'"turn":"\\u0074-1"'),
        (b'"turn":"t-1"', b'"turn":"t-1","unknown":1'),
        (b'"v":1', b'"v":2'),
        (b',"v":1', b""),
        (b'"kind":"person"', b'"kind":"robot"'),
        (b'"type":"tool.outcome"', b'"type":"tool"'),
        (b'"tenant":"default"', b'"tenant":""'),
        (b'"tenant":"default"', b'"tenant":"\xff"'),
        (b'"v":1}', b'"v":1}\n'),
    ],
)
def test_other_bytes_are_not_a_leaf(old: bytes, new: bytes) -> None:
    data = leaf.encode_leaf(FULL)
    assert old in data
    with pytest.raises(BadInput):
        leaf.verify_leaf(data.replace(old, new))


def test_a_commitment_is_hmac_sha256() -> None:
    """RFC 4231, test case 2."""
    assert leaf.commit_to(b"Jefe", b"what do ya want for nothing?") == (
        "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"
    )


def test_encoding_takes_at_most_15_us() -> None:
    """The best of many rounds, so that a busy machine does not decide."""
    best = min(timeit.repeat(lambda: leaf.encode_leaf(FULL), number=100, repeat=50)) / 100
    assert best <= 15e-6


# -- checkpoint ------------------------------------------------------------------------------------

KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
POINT = checkpoint.Checkpoint("quarterdeck/acme", 300, sha256(b"root").digest(), 1_770_000_000_000_001, 280)


def test_the_text_of_a_checkpoint() -> None:
    root = b64encode(sha256(b"root").digest()).decode()
    assert POINT.text() == (f"quarterdeck/acme\n300\n{root}\ntime 2026-02-02T02:40:00.000001Z\nprevious 280\n")
    note = checkpoint.sign(POINT, KEY)
    text, _, last = note.partition("\n\n")
    assert text + "\n" == POINT.text()
    assert last.startswith("\N{EM DASH} quarterdeck/acme ")
    assert last.endswith("\n")
    KEY.public_key().verify(b64decode(last.split(" ")[2])[4:], POINT.text().encode())


@pytest.mark.parametrize(
    "vkey",
    [
        "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW",
        "sum.golang.org+033de0ae+Ac4zctda0e5eza+HJyk9SxEdh+s3Ux18htTTAD8OuAn8",
    ],
)
def test_a_key_id_is_that_of_published_keys(vkey: str) -> None:
    """Verifier keys from golang.org/x/mod/sumdb/note and cmd/go: name, key id, 0x01 and the public key."""
    name, key_id, packed = vkey.split("+", 2)
    public = Ed25519PublicKey.from_public_bytes(b64decode(packed)[1:])
    assert checkpoint._key_id(name, public).hex() == key_id


@given(
    st.integers(1, 10**18 - 1),
    st.integers(0, 10**18 - 1),
    st.integers(0, 2**53),
    st.binary(min_size=32, max_size=32),
)
def test_what_was_signed_is_read_back(size: int, previous: int, time_us: int, root: bytes) -> None:
    made = checkpoint.Checkpoint(checkpoint.origin_of("acme"), size, root, time_us, previous)
    assert checkpoint.verify(checkpoint.sign(made, KEY), KEY.public_key()) == made


@given(st.data())
def test_one_changed_character_is_refused(data: st.DataObject) -> None:
    note = checkpoint.sign(POINT, KEY)
    at = data.draw(st.integers(0, len(note) - 1))
    other = data.draw(st.characters(codec="utf-8").filter(lambda c: c != note[at]))
    with pytest.raises(BadInput):
        checkpoint.verify(note[:at] + other + note[at + 1 :], KEY.public_key())


def test_another_key_another_name_and_a_second_signature_are_refused() -> None:
    note = checkpoint.sign(POINT, KEY)
    elsewhere = checkpoint.sign(msgspec.structs.replace(POINT, origin="quarterdeck/zeta"), KEY)
    for wrong in (
        checkpoint.sign(POINT, Ed25519PrivateKey.generate()),
        note.partition("\n\n")[0] + "\n\n" + elsewhere.partition("\n\n")[2],
        note + note.partition("\n\n")[2],
        note.replace("300", "0300"),
        "",
    ):
        with pytest.raises(BadInput):
            checkpoint.verify(wrong, KEY.public_key())


@pytest.mark.parametrize("tenant", ["", "a b", "a+b", "a\nb"])
def test_a_tenant_that_cannot_name_a_log_is_refused(tenant: str) -> None:
    with pytest.raises(BadInput):
        checkpoint.origin_of(tenant)


# -- the key's file --------------------------------------------------------------------------------


def test_a_key_is_made_once_and_only_its_owner_reads_it(tmp_path: Path) -> None:
    path = tmp_path / "keys" / "audit.key"
    made = checkpoint.create_key(path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert sorted(p.name for p in path.parent.iterdir()) == ["audit.key", "audit.key.pub"]
    assert checkpoint.public_pem(checkpoint.load_key(path)) == checkpoint.public_pem(made)
    public = load_pem_public_key((path.parent / "audit.key.pub").read_bytes())
    assert isinstance(public, Ed25519PublicKey)
    assert checkpoint.verify(checkpoint.sign(POINT, made), public) == POINT
    before = path.read_bytes()
    with pytest.raises(Conflict):
        checkpoint.create_key(path)
    assert path.read_bytes() == before
    assert sorted(p.name for p in path.parent.iterdir()) == ["audit.key", "audit.key.pub"]


def test_a_key_that_may_not_be_used_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "audit.key"
    with pytest.raises(ConfigRefused):
        checkpoint.load_key(path)
    checkpoint.create_key(path)
    path.chmod(0o640)
    with pytest.raises(ConfigRefused, match="other users may read"):
        checkpoint.load_key(path)
    path.write_bytes(b"-----BEGIN NONSENSE-----\n")
    path.chmod(0o600)
    with pytest.raises(ConfigRefused):
        checkpoint.load_key(path)
