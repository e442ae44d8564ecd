"""Every bit of every byte of a log: the golden vectors, each bit flipped by itself, and verification must say invalid.

The log of `tests/golden/vectors` has segments, packs (one without an erased person's content, one that no record
names), a pruned prefix and a rotation; beside it lie the keys, checkpoints and receipts that somebody keeps outside.

A flip is judged on its own first: a segment or pack by the check of one file, whose fault makes a root invalid; a
checkpoint or receipt by verification without the root, whose fault stays the first one. What that lets pass, and every
key file, is judged by the verification of the whole root, once with the founding key and once with the chain from
outside. Anything but a verdict (an exception, an unreadable file) ends the proof.
"""

import hashlib
import json
import multiprocessing
import shutil
import tempfile
from collections import Counter
from collections.abc import Iterable
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Protocol

from audit.chain import summarise
from audit.errors import AuditError, BadSegment
from audit.keyring import KeyRing, parse_ring
from audit.proof import check_receipt
from audit.verify import verify
from tests.golden.entries import NONCE

VECTORS = Path(__file__).parents[1] / "golden" / "vectors"
SHOWN = NONCE  # the text of the answer in `receipts/answer`
PROCESSES = 2
ALONE, WHOLE, SALT, MISSED = "alone", "whole", "salt", "missed"


class Steps(Protocol):
    """The journal of `tests.prove`."""

    steps: list[dict[str, Any]]

    def add(self, step: dict[str, Any]) -> None: ...


@dataclass(frozen=True, slots=True)
class Target:
    """A file whose bits are flipped: its path below the vectors, and what it is.

    `kind`: file (segment or pack), key (in the root), given (the key from outside), checkpoint, receipt, or saved,
    which is a receipt with the answer it came with.
    """

    path: str
    kind: str

    @property
    def name(self) -> str:
        """For the figures: a receipt is there twice."""
        return f"{self.path} with its text" if self.kind == "saved" else self.path

    def read(self) -> bytes:
        """The bytes as they should be."""
        return (VECTORS / self.path).read_bytes()


def targets() -> list[Target]:
    """Every file of the root, largest first, and what is kept outside."""
    files = [path.relative_to(VECTORS).as_posix() for path in (VECTORS / "root").rglob("*") if path.is_file()]
    found = [Target(path, "key" if path.endswith(".vkey") else "file") for path in files]
    found += [Target(path, "given") for path in ("key.vkey", "root/log-2.vkey")]
    for kind in ("checkpoint", "receipt"):
        found += [Target(f"{kind}s/{path.name}", kind) for path in (VECTORS / f"{kind}s").iterdir()]
    found.append(Target("receipts/answer", "saved"))
    return sorted(found, key=lambda target: (-len(target.read()), target.path, target.kind))


class Judge:
    """Says of other bytes in a target's place what verification finds, in a copy of the log below `home`."""

    def __init__(self, home: Path, target: Target) -> None:
        self.target, self.good, self.root = target, target.read(), home / "root"
        shutil.copytree(VECTORS / "root", self.root)
        self.founding, self.chain = home / "founding", home / "chain"
        shutil.copy(VECTORS / "key.vkey", self.founding)
        shutil.copy(self.root / "log-2.vkey", self.chain)
        self.ring = parse_ring(self.chain.read_bytes())
        outside = {"key.vkey": self.founding, "root/log-2.vkey": self.chain}
        self.path = outside[target.path] if target.kind == "given" else home / target.path
        self.path.parent.mkdir(exist_ok=True)
        self._write(self.good)
        if self.alone(self.good) or self.whole(self.good):
            raise AssertionError(f"{target.name} is invalid before any bit is flipped")

    def verdict(self, data: bytes | bytearray) -> str:
        """ALONE or WHOLE, where invalid was said; SALT if the same is proven, with another salt; else MISSED."""
        if self.alone(data):
            return ALONE
        if self.whole(data):
            return WHOLE
        return SALT if self.target.kind == "receipt" and self._proves_the_same(data) else MISSED

    def alone(self, data: bytes | bytearray) -> bool:
        """Whether it is invalid without anything beside it but the chain of keys."""
        if self.target.kind == "file":
            try:
                summarise(data, self._ring_here(), int(self.path.stem[:20]))
            except BadSegment:
                return True
            return False
        if self.target.kind in ("key", "given"):
            return False
        try:
            self._write(data)
            return not verify(None, self.chain, *self._outside()).valid
        finally:
            self._write(self.good)

    def whole(self, data: bytes | bytearray) -> bool:
        """Whether the whole root is invalid with it, whichever key was given."""
        keys = [self.path] if self.target.kind == "given" else [self.founding, self.chain]
        try:
            self._write(data)
            return not any(verify(self.root, key, *self._outside()).valid for key in keys)
        finally:
            self._write(self.good)

    def _outside(self) -> tuple[list[Path], list[Path]]:
        """Checkpoints and receipts to verify."""
        kind = self.target.kind
        return ([self.path] if kind == "checkpoint" else []), ([self.path] if kind in ("receipt", "saved") else [])

    def _write(self, data: bytes | bytearray) -> None:
        if self.target.kind == "saved":
            receipt = data.decode(errors="replace")
            answer = {"choices": [{"message": {"content": SHOWN}}], "preceptor": {"receipt": receipt}}
            data = json.dumps(answer).encode()
        self.path.write_bytes(data)

    def _ring_here(self) -> KeyRing:
        return self.ring.sibling(f"{self.ring.keys[0].family}/{self.path.parents[1].name}")

    def _proves_the_same(self, data: bytes | bytearray) -> bool:
        try:
            ours, theirs = (check_receipt(text.decode(), self.ring) for text in (self.good, data))
        except (AuditError, ValueError):
            return False
        same = (ours.head, ours.index, ours.leaf) == (theirs.head, theirs.index, theirs.leaf)
        return same and ours.salt != theirs.salt


def flip(target: Target, bits: Iterable[int]) -> dict[str, Any]:
    """Flip these bits of a target, one at a time: a step of the journal. Bit n is bit n % 8 of byte n // 8."""
    data, found, missed = bytearray(target.read()), Counter[str](), list[int]()
    with tempfile.TemporaryDirectory(prefix="flips-") as folder:
        judge = Judge(Path(folder), target)
        for bit in bits:
            data[bit // 8] ^= 1 << bit % 8
            verdict = judge.verdict(data)
            data[bit // 8] ^= 1 << bit % 8
            found[verdict] += 1
            if verdict == MISSED:
                missed.append(bit)
    assert bytes(data) == judge.good
    return {
        "file": target.name, "sha256": hashlib.sha256(data).hexdigest(), "bytes": len(data), "kind": target.kind,
        "flipped": found.total(), **{verdict: found[verdict] for verdict in (ALONE, WHOLE, SALT)}, "missed": missed,
    }  # fmt: skip


def bits_of(target: Target, per_byte: int) -> list[int]:
    """The lowest `per_byte` bits of each byte."""
    return [bit for bit in range(len(target.read()) * 8) if bit % 8 < per_byte]


def flips(journal: Steps, count: int) -> dict[str, Any]:
    """Flip the lowest `count` bits (all are 8) of each byte of each target, a file a step."""
    done = {(step["file"], step["kind"], step["sha256"]): step for step in journal.steps if step["per_byte"] == count}
    every = {(one.name, one.kind, hashlib.sha256(one.read()).hexdigest()): one for one in targets()}
    # not forked: the calling process may have threads
    with ProcessPoolExecutor(PROCESSES, mp_context=multiprocessing.get_context("spawn")) as pool:
        waiting = [
            pool.submit(partial(flip, one, bits_of(one, count))) for key, one in every.items() if key not in done
        ]
        for each in as_completed(waiting):
            journal.add(each.result() | {"per_byte": count})
            step = journal.steps[-1]
            done[step["file"], step["kind"], step["sha256"]] = step
    return figures([done[key] for key in every])


def figures(steps: list[dict[str, Any]]) -> dict[str, Any]:
    """Sums over the targets: two are files that are there twice, as what they are inside and outside, or with a text.

    `salt_of_a_bare_receipt`: everything else that it proves stays the same; where an answer's text is
    beside it, these flips are found too.
    """
    total = {name: sum(step[name] for step in steps) for name in ("flipped", ALONE, WHOLE, SALT)}
    return {
        "targets": len(steps),
        "files_of_the_log": len(inside := [step for step in steps if step["kind"] in ("file", "key")]),
        "bytes_of_the_log": sum(step["bytes"] for step in inside),
        "bits_flipped": total["flipped"],
        "found": total[ALONE] + total[WHOLE],
        "found_alone": total[ALONE],
        "found_by_verifying_the_whole_root": total[WHOLE],
        "salt_of_a_bare_receipt": total[SALT],
        "missed": [f"{step['file']} bit {bit}" for step in steps for bit in step["missed"]],
        "by_kind": {
            kind: {
                name: sum(step[name] for step in steps if step["kind"] == kind)
                for name in ("flipped", ALONE, WHOLE, SALT)
            }
            for kind in sorted({step["kind"] for step in steps})
        },
    }
