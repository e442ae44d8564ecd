"""Merkle tree against a naive one and the published vectors; every codec round trip."""

import contextlib
import hashlib
import json

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given, settings
from hypothesis import strategies as st

from audit.checkpoint import Checkpoint, VerifierKey, open_checkpoint
from audit.errors import AuditError, BadNote, BadProof, Unproven
from audit.keys import SubjectKey
from audit.merkle import Frontier, Span, leaf_hash, node_hash, root_from_path
from audit.proof import Proof
from audit.record import Entry, Kind, canonical
from audit.seal import RecordId, open_cell, seal

SIGNER = Ed25519PrivateKey.from_private_bytes(b"\x07" * 32)
KEY = VerifierKey("test/0011223344556677/control", SIGNER.public_key().public_bytes_raw())
# certificate-transparency's reference leaves and roots for sizes 1 to 8
LEAVES = ["", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f"]
ROOTS = [
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
]
hashes = st.binary(min_size=32, max_size=32)


def naive_root(leaves: list[bytes]) -> bytes:
    if len(leaves) < 2:
        return leaves[0] if leaves else hashlib.sha256().digest()
    split = 1
    while split * 2 < len(leaves):
        split *= 2
    return node_hash(naive_root(leaves[:split]), naive_root(leaves[split:]))


def test_published_vectors():
    leaves = [leaf_hash(bytes.fromhex(leaf)) for leaf in LEAVES]
    assert [Frontier().extend(leaves[:size]).root().hex() for size in range(1, 9)] == ROOTS
    assert Frontier().root().hex() == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"


@given(st.integers(0, 200), st.integers(1, 60), st.data())
def test_every_proof_from_the_frontier_leads_to_the_naive_root(before, added, data):
    leaves = [leaf_hash(str(number).encode()) for number in range(before + added)]
    frontier = Frontier().extend(leaves[:before])
    root = naive_root(leaves)
    assert frontier.extend(leaves[before:]).root() == root
    index = data.draw(st.integers(before, before + added - 1))
    path = Span(frontier, leaves[before:]).path(index)
    assert root_from_path(leaves[index], index, len(leaves), path) == root
    wrong = data.draw(st.integers(-1, len(leaves)).filter(lambda other: other != index))
    with contextlib.suppress(BadProof):
        assert root_from_path(leaves[index], wrong, len(leaves), path) != root
    for altered in (path[:-1], [*path, leaves[0]]):
        if altered != path:
            with pytest.raises(BadProof):
                root_from_path(leaves[index], index, len(leaves), altered)


@given(st.integers(0, 2**53), hashes)
def test_checkpoint_round_trip_and_every_flip(size, root):
    head = Checkpoint(KEY.name, size, root)
    note = head.sign(SIGNER)
    assert open_checkpoint(note, KEY) == head
    assert Checkpoint.parse(head.body) == head


def test_no_flip_of_a_note_or_key_passes():
    note = Checkpoint(KEY.name, 77, b"\x01" * 32).sign(SIGNER).encode()
    for text, parse in ((note, lambda t: open_checkpoint(t, KEY)), (str(KEY).encode(), VerifierKey.parse)):
        for bit in range(len(text) * 8):
            flipped = bytearray(text)
            flipped[bit // 8] ^= 1 << bit % 8
            with pytest.raises((BadNote, UnicodeDecodeError)):
                parse(flipped.decode())


@given(st.from_regex(r"[a-z0-9.]{1,20}(/[a-z0-9-]{1,20}){0,3}", fullmatch=True), hashes)
def test_verifier_key_round_trip(name, public):
    key = VerifierKey(name, public)
    assert VerifierKey.parse(str(key)) == key


@given(st.integers(0, 2**60), st.lists(hashes, max_size=60), st.none() | st.binary(max_size=200))
def test_proof_round_trip(index, path, extra):
    proof = Proof(index, tuple(path), Checkpoint(KEY.name, 1, b"\x01" * 32).sign(SIGNER), extra)
    assert Proof.parse(str(proof)) == proof


@given(st.text(max_size=300))
@settings(max_examples=300)
def test_garbage_is_refused_as_garbage(text):
    for parse in (Proof.parse, VerifierKey.parse, lambda t: open_checkpoint(t, KEY)):
        with pytest.raises(AuditError):
            parse(text)


@given(st.text(alphabet=st.characters(codec="utf-8"), max_size=200), st.binary(min_size=32, max_size=32), st.booleans())
def test_content_opens_only_with_its_own_key_record_and_commitment(text, secret, stored):
    record, key = RecordId("o", "r", 1, "window"), SubjectKey(secret)
    sealed = seal(record, key, text, stored=stored)
    assert sealed.leaf["commit"] == hashlib.sha256(sealed.salt + text.encode()).hexdigest()
    assert sealed.leaf["commit"] == seal(record, key, text, stored=True).leaf["commit"]
    if not stored:
        assert sealed.cell is None
        return
    assert open_cell(record, key, sealed.cell, sealed.leaf["commit"]) == text
    for other in (
        lambda: open_cell(RecordId("o", "r", 2, "window"), key, sealed.cell, sealed.leaf["commit"]),
        lambda: open_cell(record, SubjectKey(secret[::-1] + b"x"), sealed.cell, sealed.leaf["commit"]),
        lambda: open_cell(record, key, sealed.cell, "0" * 64),
        lambda: open_cell(record, key, sealed.cell[:-1], sealed.leaf["commit"]),
    ):
        with pytest.raises(Unproven):
            other()


@given(st.text("abcXYZ-09", min_size=1, max_size=40), st.integers(0, 2**31 - 1), st.text("äbc ", max_size=20))
def test_entry_round_trip(request_id, seq, subject):
    entry = Entry(Kind.revocation, request_id, seq, "school", subject, {"jti": "x"})
    assert Entry.from_json(entry.to_json()) == entry


plain = st.none() | st.booleans() | st.integers(-(2**63), 2**63) | st.text(alphabet=st.characters(codec="utf-8"))


@given(st.recursive(plain, lambda inner: st.lists(inner) | st.dictionaries(st.text(alphabet="abc"), inner)))
def test_canonical_json_is_stable(value):
    assert canonical(json.loads(canonical(value))) == canonical(value)


@given(st.none() | st.text() | st.integers() | st.dictionaries(st.text(), st.text()) | st.lists(st.text()))
def test_garbage_is_no_entry(value):
    with pytest.raises(AuditError):
        Entry.from_json(value)
