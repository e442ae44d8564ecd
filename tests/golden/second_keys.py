"""Keys, checkpoints, the tree and receipts, written from docs/audit-format.md; a part of the second verifier."""

import base64
import json
import re
from dataclasses import dataclass

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from tests.golden.second_records import Fault, canonical, need, sha256


def b64(data: bytes) -> str:
    return base64.b64encode(data).decode()


def unb64(text: str, size: int | None = None) -> bytes:
    try:
        data = base64.b64decode(text, validate=True)
    except ValueError:
        raise Fault("not base 64") from None
    need(b64(data) == text and size in (None, len(data)), "base 64: form or length")
    return data


def signed(public: bytes, signature: bytes, message: str) -> bool:
    try:
        Ed25519PublicKey.from_public_bytes(public).verify(signature, message.encode())
    except (InvalidSignature, ValueError):
        return False
    return True


@dataclass(frozen=True)
class Chain:
    """The keys of a root, oldest first, under one log's origin."""

    name: str
    keys: tuple[bytes, ...]

    def of(self, origin: str) -> "Chain":
        need(origin.rpartition("/")[0] == self.name.rpartition("/")[0], f"{origin} is of another root")
        return Chain(origin, self.keys)

    def vkeys(self) -> list[str]:
        return [vkey(self.name, key) for key in self.keys]


def key_id(name: str, public: bytes) -> bytes:
    return sha256(name.encode(), b"\n\1", public)[:4]


def vkey(name: str, public: bytes) -> str:
    return f"{name}+{key_id(name, public).hex()}+{b64(bytes([1]) + public)}"


def parse_vkey(line: str) -> tuple[str, bytes]:
    name, _, rest = line.partition("+")
    public = unb64(rest.partition("+")[2], 33)[1:]
    need(re.fullmatch(r"[A-Za-z0-9._~-]+(/[A-Za-z0-9._~-]+)*", name) and len(name) <= 255, "key name")
    need(vkey(name, public) == line, "key: id or type")
    return name, public


def parse_chain(data: bytes) -> Chain:
    need(data.isascii() and data.endswith(b"\n"), "key file: expected ASCII lines")
    before, *rest = data.decode()[:-1].split("\n")
    name, public = parse_vkey(before)
    keys = [public]
    for line in rest:
        this, _, mark = line.partition(" ")
        other, public = parse_vkey(this)
        need(other == name and public not in keys, "key file: another name, or a key twice")
        need(signed(keys[-1], unb64(mark), f"preceptor/v1/key-endorsement\n{before}\n{this}\n"), "endorsement")
        keys, before = [*keys, public], this
    return Chain(name, tuple(keys))


def open_note(note: str, chain: Chain) -> tuple[str, int, bytes]:
    """Origin, size and root of a checkpoint of any log of the root."""
    need(len(note) <= 65536 and not any(c < " " and c != "\n" for c in note), "note: length or characters")
    body, blank, tail = note.rpartition("\n\n")
    head = re.fullmatch(r"([^\n]+)\n(0|[1-9][0-9]{0,18})\n([^\n]+)", body)
    lines = [re.fullmatch(r"— (\S+) (\S+)", line) for line in tail[:-1].split("\n")]
    need(blank and tail.endswith("\n") and head and all(lines), "note: form")
    blobs = [(line[1], unb64(line[2])) for line in lines]
    own = chain.of(head[1])
    for public in own.keys:
        mine = [blob[4:] for name, blob in blobs if (name, blob[:4]) == (own.name, key_id(own.name, public))]
        if mine and all(signed(public, one, f"{body}\n") for one in mine):
            return own.name, int(head[2]), unb64(head[3], 32)
    raise Fault("note: not signed by a key of the chain")


def grow(size: int, nodes: list[bytes], leaf: bytes) -> list[bytes]:
    """The frontier of `size` leaves after one more leaf hash."""
    nodes = list(nodes)
    while size & 1:
        leaf, size = sha256(b"\1", nodes.pop(), leaf), size >> 1
    return [*nodes, leaf]


def root_of(nodes: list[bytes]) -> bytes:
    root = nodes[-1] if nodes else sha256()
    for left in reversed(nodes[:-1]):
        root = sha256(b"\1", left, root)
    return root


def check_receipt(text: str, chain: Chain) -> tuple[str, int, bytes]:
    """The head that a receipt is about."""
    head, blank, note = (text.replace("\r\n", "\n").strip(" \t\r\n") + "\n").partition("\n\n")
    form = re.fullmatch(r"c2sp\.org/tlog-proof@v1\nextra (\S+)\nindex (0|[1-9][0-9]{0,18})((?:\n\S+)*)", head)
    need(blank and form, "receipt: form")
    origin, size, root = open_note(note, chain)
    try:
        extra = json.loads(unb64(form[1]).decode())
        need(extra.keys() == {"leaf", "salt"} and canonical(extra) == unb64(form[1]), "receipt: extra has one form")
        leaf, salt = json.loads(extra["leaf"]), extra["salt"]
        node, index = sha256(b"\0", extra["leaf"].encode()), int(form[2])
        need((leaf["origin"], leaf["idx"]) == (origin, index), "receipt: leaf of another log or place")
        need(salt is None or unb64(salt), "receipt: salt")
    except (ValueError, KeyError, TypeError, AttributeError):
        raise Fault("receipt: extra") from None
    at, last = index, size - 1
    for sibling in [unb64(line, 32) for line in form[3].split()]:  # RFC 9162 section 2.1.3.2
        need(last > 0, "receipt: path too long")
        node = sha256(b"\1", sibling, node) if at & 1 or at == last else sha256(b"\1", node, sibling)
        while at == last and not at & 1 and at:
            at, last = at >> 1, last >> 1
        at, last = at >> 1, last >> 1
    need(index < size and last == 0 and node == root, "receipt: path does not lead to the root")
    return origin, size, root
