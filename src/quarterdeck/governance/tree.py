"""The audit log's Merkle tree: which root stands for which leaves, and how is that proven?

Hashing is RFC 6962 section 2.1: a leaf is SHA-256(0x00 || data), a node SHA-256(0x01 || left || right), the
tree over n leaves splits at the largest power of two below n, and the empty tree is SHA-256 of nothing.
Everything here is a function of values. Whoever appends keeps a `Frontier`; proofs need the leaf hashes.
"""

from collections.abc import Iterable, Sequence
from hashlib import sha256

import msgspec

from quarterdeck.base.errors import BadInput

HASH_BYTES = 32
EMPTY_ROOT = sha256(b"").digest()


def hash_leaf(data: bytes) -> bytes:
    """The hash under which `data` stands in the tree."""
    return sha256(b"\x00" + data).digest()


def hash_node(left: bytes, right: bytes) -> bytes:
    """The hash of two neighbouring subtrees."""
    return sha256(b"\x01" + left + right).digest()


class Frontier(msgspec.Struct, frozen=True):
    """What is needed of a tree to append to it: the roots of its complete subtrees, largest first.

    There is one for each bit that is set in `size`, so a million leaves need at most 20 hashes.
    """

    size: int = 0
    hashes: tuple[bytes, ...] = ()

    @classmethod
    def from_bytes(cls, size: int, packed: bytes) -> "Frontier":
        """Undo `to_bytes`. Raises BadInput when `packed` cannot belong to a tree of `size` leaves."""
        if size < 0 or len(packed) != size.bit_count() * HASH_BYTES:
            raise BadInput("frontier", f"it does not fit a tree of {size} leaves", "Verify the audit log.")
        starts = range(0, len(packed), HASH_BYTES)
        return cls(size, tuple(packed[start : start + HASH_BYTES] for start in starts))

    def to_bytes(self) -> bytes:
        """The hashes one after another; `size` is kept beside them."""
        return b"".join(self.hashes)

    def extend(self, leaf_hashes: Iterable[bytes]) -> "Frontier":
        """The frontier after these leaves have been appended, in order."""
        size, hashes = self.size, list(self.hashes)
        for node in leaf_hashes:
            full = size
            while full & 1:  # as many complete subtrees merge as a binary counter carries
                node = hash_node(hashes.pop(), node)
                full >>= 1
            hashes.append(node)
            size += 1
        return Frontier(size, tuple(hashes))

    def root(self) -> bytes:
        """The root of the whole tree."""
        if not self.hashes:
            return EMPTY_ROOT
        *rest, root = self.hashes
        for left in reversed(rest):
            root = hash_node(left, root)
        return root


def root_of(leaf_hashes: Iterable[bytes]) -> bytes:
    """The root of the tree over these leaf hashes."""
    return Frontier().extend(leaf_hashes).root()


def inclusion_proof(leaf_hashes: Sequence[bytes], index: int) -> list[bytes]:
    """The hashes that lead from leaf `index` to the root, lowest first (RFC 6962 section 2.1.1).

    Raises BadInput when there is no such leaf.
    """
    if not 0 <= index < len(leaf_hashes):
        raise BadInput("index", f"the tree has {len(leaf_hashes)} leaves", "Name a leaf of this tree.")
    proof: list[bytes] = []
    low, high = 0, len(leaf_hashes)
    while high - low > 1:
        middle = low + _split(high - low)
        if index < middle:
            proof.append(root_of(leaf_hashes[middle:high]))
            high = middle
        else:
            proof.append(root_of(leaf_hashes[low:middle]))
            low = middle
    return proof[::-1]


def consistency_proof(leaf_hashes: Sequence[bytes], old_size: int) -> list[bytes]:
    """The hashes that show that the tree over the first `old_size` leaves only grew (RFC 6962 section 2.1.2).

    Raises BadInput when the tree never had that size.
    """
    if not 0 < old_size <= len(leaf_hashes):
        raise BadInput("old_size", f"the tree has {len(leaf_hashes)} leaves", "Name a size that it had.")
    proof: list[bytes] = []
    low, high = 0, len(leaf_hashes)
    while high != old_size:
        middle = low + _split(high - low)
        if old_size <= middle:
            proof.append(root_of(leaf_hashes[middle:high]))
            high = middle
        else:
            proof.append(root_of(leaf_hashes[low:middle]))
            low = middle
    if low > 0:  # otherwise what is left is the old tree itself, whose root the verifier has
        proof.append(root_of(leaf_hashes[low:high]))
    return proof[::-1]


def verify_inclusion(leaf_hash: bytes, index: int, size: int, proof: Sequence[bytes], root: bytes) -> bool:
    """Whether `proof` shows that `leaf_hash` is leaf `index` of the tree with `size` leaves and `root`."""
    if not 0 <= index < size:
        return False
    node, at, last = leaf_hash, index, size - 1
    for sibling in proof:
        if last == 0:
            return False
        if at & 1 or at == last:
            node = hash_node(sibling, node)
            while not at & 1 and at:  # a right edge without sibling rises until it is a right child
                at, last = at >> 1, last >> 1
        else:
            node = hash_node(node, sibling)
        at, last = at >> 1, last >> 1
    return last == 0 and node == root


def verify_consistency(old_size: int, size: int, old_root: bytes, root: bytes, proof: Sequence[bytes]) -> bool:
    """Whether `proof` shows that the tree (`size`, `root`) begins with the tree (`old_size`, `old_root`)."""
    if not 0 < old_size <= size:
        return False
    if old_size == size:
        return not proof and old_root == root
    at, last = old_size - 1, size - 1
    while at & 1:  # skip the levels at which the old tree is complete
        at, last = at >> 1, last >> 1
    path = list(proof)
    if at:
        if not path:
            return False
        seed = path.pop(0)
    else:
        seed = old_root
    old, new = seed, seed
    for sibling in path:
        if last == 0:
            return False
        if at & 1 or at == last:
            old, new = hash_node(sibling, old), hash_node(sibling, new)
            while not at & 1 and at:
                at, last = at >> 1, last >> 1
        else:
            new = hash_node(new, sibling)
        at, last = at >> 1, last >> 1
    return last == 0 and old == old_root and new == root


def _split(width: int) -> int:
    """The largest power of two below `width` (which is at least 2)."""
    return 1 << (width - 1).bit_length() - 1
