"""Builds the golden vectors: `python -m tests.golden.build` writes tests/golden/vectors anew.

Keys, nonces, ids and the clock are drawn from counters, in here only; so the same code and the same libraries give the
same bytes. A change of the vectors is a change of the format, or of a library, and wants a line in the changelog.
"""

import contextlib
import hashlib
import json
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest import mock
from uuid import UUID

import audit.heads
import audit.init
import audit.keys
import audit.log
import audit.record
import audit.seal
import audit.subjects
from audit import keys, tiles, timestamp
from audit.checkpoint import b64
from audit.cosigner import Cosigner
from audit.erasure import erase, open_log
from audit.heads import Heads
from audit.keyring import FOUNDING, read_ring
from audit.log import Log, Receipt
from audit.prune import prune
from audit.record import Entry, Kind
from audit.rotate import rotate
from audit.seal import RecordId
from audit.segment import open_file
from audit.store import LocalStore
from audit.upkeep import Upkeep, run_once
from audit.verify import verify
from audit.witness import read_tail
from audit.words import words
from tests.golden import entries

VECTORS = Path(__file__).parent / "vectors"
LIBRARIES = ("cryptography", "orjson", "pyarrow", "pydantic", "rfc3161-client")  # whose bytes the vectors hold
BEGIN_US = 1_767_225_600_000_000  # 2026-01-01T00:00:00Z
LARGE = 5_000  # records of the log that is not kept


@dataclass
class Drawn:
    """Stands for `secrets` in one module: bytes that follow from a label and a counter."""

    label: str
    count: int = 0

    def token_bytes(self, size: int) -> bytes:
        self.count += 1
        return hashlib.sha512(f"{self.label} {self.count}".encode()).digest()[:size]

    def token_hex(self, size: int) -> str:
        return self.token_bytes(size).hex()

    def uuid4(self) -> UUID:
        return UUID(bytes=self.token_bytes(16), version=4)


@dataclass
class Clock:
    """Stands for the writer's clock; moves only when told."""

    now_us: int = BEGIN_US

    def time_ns(self) -> int:
        return self.now_us * 1000

    def step(self) -> None:
        self.now_us += 1_250_000


@contextlib.contextmanager
def fixed() -> Iterator[Clock]:
    """Everything that is drawn by chance, and the clock, fixed."""
    clock = Clock()
    with contextlib.ExitStack() as stack:
        for module in (audit.init, audit.keys, audit.subjects, audit.seal, audit.heads):
            stack.enter_context(mock.patch.object(module, "secrets", Drawn(module.__name__)))
        stack.enter_context(mock.patch.object(audit.record, "uuid4", Drawn("ids").uuid4))
        stack.enter_context(mock.patch.object(audit.log, "time", SimpleNamespace(time_ns=clock.time_ns)))
        yield clock


@dataclass
class Golden:
    """A root that is being built, in a folder of its own."""

    home: Path
    clock: Clock

    @property
    def root(self) -> Path:
        return self.home / "root"

    @property
    def keys(self) -> keys.Keys:
        return keys.load(self.home / "keys")

    def open(self, name: str) -> Log:
        return open_log(self.root, name, self.keys)

    def begin(self) -> None:
        policy = Entry.operational(Kind.policy, entries.CURRENT, actor="operator")
        audit.init.begin(self.root, self.home / "keys", "golden", 1, [policy])

    def append(self, name: str, *said: Entry) -> list[Receipt]:
        self.clock.step()
        done = self.open(name).append(said)
        receipts = [one for one in done if isinstance(one, Receipt)]
        assert len(receipts) == len(said), [one for one in done if one not in receipts]
        return receipts

    def pin(self) -> None:
        self.append("control", Entry.operational(Kind.head, self.open("exchange-0").head()))


def build(out: Path) -> None:
    """Write the vectors into a folder that does not exist yet."""
    with tempfile.TemporaryDirectory() as folder, fixed() as clock:
        golden = Golden(Path(folder), clock)
        out.mkdir(parents=True)
        _write(golden, out)
        shutil.copytree(golden.root, out / "root")
        shutil.copy(out / "root" / FOUNDING, out / "key.vkey")
        _witness(golden, out)
        tiles.export(LocalStore(golden.root), out / "tiles", "control")
        (out / "stamp.tsq").write_bytes(timestamp.request((out / "cosigned.checkpoint").read_bytes()))
        expected = {
            "versions": {name: version(name) for name in LIBRARIES}, "report": report(out), "logs": _logs(golden),
            "text": _text(golden), "words": [[text, words(text)] for text in entries.WORDED], "large": large(),
        }  # fmt: skip
    (out / "expected.json").write_text(json.dumps(expected, indent=1) + "\n")


def _write(golden: Golden, out: Path) -> None:
    """The log: two rotations of files, a prune, an erasure, a pack that nobody named; receipts and heads on the way."""
    receipts: dict[str, Receipt] = {}
    golden.begin()
    receipts["pruned"] = golden.append("exchange-0", *entries.answered(1, "ada", "What is XSS?", "Script, ", "run."))[
        -1
    ]
    question = "How do I scan my own network?"
    asked = golden.append("exchange-0", *entries.closed(2, "bob", question, entries.TEACH, Kind.lesson, "Ask first."))
    golden.append("exchange-0", *entries.closed(3, "ada", "Write a worm.", entries.REFUSE, Kind.refusal, "No."))
    golden.append("exchange-0", *entries.faulty(4, "bob", question))
    receipts["erased"] = asked[-1]
    receipts["control"] = golden.append("control", *entries.control(entries.request_id(3)))[-1]
    golden.pin()
    heads = {"before-rotation": golden.open("exchange-0").checkpoint()}
    golden.clock.step()
    rotate(golden.root, golden.keys)
    receipts["answer"] = golden.append("exchange-0", *entries.answered(6, "ada", "What is a nonce?", entries.NONCE))[-1]
    golden.clock.step()
    prune(golden.open("exchange-0"), asked[0].ts, "retention")
    log = golden.open("exchange-0")
    run_once(Upkeep(log), log.memory.reader.files[:-2])
    golden.clock.step()
    erase(golden.root, golden.keys, "school", "bob")
    receipts["next-epoch"] = golden.append("exchange-0", *entries.faulty(7, "bob", question))[0]
    golden.pin()
    golden.append("control", Entry.operational(Kind.tick, {"counts": {"refused_early": 3}}))
    log = golden.open("exchange-0")
    Upkeep(log).build(log.memory.reader.files[-3:-1])
    heads["latest"] = log.checkpoint()
    for folder, found in (("receipts", receipts), ("checkpoints", heads)):
        (out / folder).mkdir()
        for name, one in found.items():
            (out / folder / name).write_text(one.proof if isinstance(one, Receipt) else one)


def _witness(golden: Golden, out: Path) -> None:
    store = LocalStore(golden.root)
    ring = read_ring(store)
    witness = Cosigner.open(Heads.open(golden.home / "witness"), [ring], "golden-witness", lambda: BEGIN_US / 10**6)
    tail = read_tail(store.child("exchange-0"), ring.sibling(golden.open("exchange-0").origin), 0)
    (out / "cosigned.checkpoint").write_text(witness.add(*tail.growth(0), tail.note).note)
    (out / "witness.vkey").write_text(f"{witness.key}\n")


def report(vectors: Path) -> dict[str, Any]:
    """What `audit.verify` says of the vectors, with paths below their folder."""
    given = {name: sorted((vectors / name).iterdir()) for name in ("checkpoints", "receipts")}
    given["checkpoints"].append(vectors / "cosigned.checkpoint")
    found = verify(vectors / "root", vectors / "key.vkey", **given).to_json()
    return relative(found, vectors)


def relative(found: dict[str, Any], vectors: Path) -> dict[str, Any]:
    """A report with paths below the vectors' folder."""
    named = [one | {"file": Path(one["file"]).relative_to(vectors).as_posix()} for one in found["receipts"]]
    return found | {"receipts": named}


def _logs(golden: Golden) -> dict[str, Any]:
    """Head and leaf hashes of each log, from its first record still there."""
    found = {}
    for name in ("control", "exchange-0"):
        log = golden.open(name)
        first = log.memory.reader.files[0].start
        hashes = [hashlib.sha256(b"\0" + one.data).hexdigest() for one in log.memory.reader.stored(first)]
        found[log.origin] = log.head() | {"first": first, "leaf_hashes": hashes}
    return found


def _text(golden: Golden) -> dict[str, Any]:
    """One person's secret, and the record that it opens."""
    log = golden.open("exchange-0")
    key = golden.keys.subjects.of("school", "ada")
    one = next(
        one for one in log.memory.reader.stored(log.memory.reader.files[0].start) if one.leaf["kind"] == "refusal"
    )
    record = RecordId(one.leaf["origin"], one.leaf["request_id"], one.leaf["seq"], one.leaf["kind"])
    return {"tenant": "school", "secret": key.secret.hex(), "idx": one.leaf["idx"], "text": "No.",
            "salt": record.derive(key).salt.hex()}  # fmt: skip


def large() -> dict[str, Any]:
    """A log with whole blocks: too large to keep, so its digests are."""
    with tempfile.TemporaryDirectory() as folder, fixed() as clock:
        golden = Golden(Path(folder), clock)
        golden.begin()
        golden.append("exchange-0", *(Entry.operational(Kind.tick, {"counts": {"n": n}}) for n in range(LARGE)))
        golden.append("exchange-0", Entry.operational(Kind.tick, {"counts": {}}))
        log = golden.open("exchange-0")
        run_once(Upkeep(log), log.memory.reader.files[:-1])
        (pack,) = (golden.root / "exchange-0" / "pack").iterdir()
        opened = open_file(pack.read_bytes(), log.memory.reader.ring, 0)
        return log.head() | {
            "pack": pack.name, "sha256": hashlib.sha256(pack.read_bytes()).hexdigest(),
            "nodes": [b64(node) for node in opened.nodes or ()],
        }  # fmt: skip


if __name__ == "__main__":
    shutil.rmtree(VECTORS, ignore_errors=True)
    build(VECTORS)
