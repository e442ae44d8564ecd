"""A witness: remembers how far it has seen each log grow, and cosigns a head only if it continues what it remembers.

    python -m audit.witness ROOT --key FILE --state DIR [--every SECONDS] [--out DIR]
    python -m audit.witness --listen HOST:PORT --key FILE [--key FILE]... --state DIR

The first form reads the logs in ROOT and checks every record since the last time. The second answers C2SP tlog-witness
`add-checkpoint` over HTTP. Run it on another host than the writer, under another operator. A log never seen before is
trusted as it stands, on the strength of the key file alone. One JSON object per line on stdout.
Exit 0 all logs consistent, 1 one is not (evidence in DIR), 2 something cannot be read.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path

from audit import pipe, segment
from audit.checkpoint import Checkpoint, b64
from audit.cosigner import Cosigned, Cosigner, Refused
from audit.errors import AuditError, BadNote, BadRoot, BadSegment, Unproven
from audit.folder import LogFolder
from audit.heads import SUFFIX, Heads, replace
from audit.keyring import KeyRing, parse_ring, read_ring
from audit.merkle import Frontier, Span
from audit.reader import LogReader
from audit.store import Store, open_store
from audit.witness_server import WitnessServer

CONSISTENT, INCONSISTENT, UNREADABLE = 0, 1, 2
LOCALHOST = "127.0.0.1"


@dataclass(frozen=True, slots=True)
class Finding:
    """What became of one log: a line on stdout, and a share of the exit status. `head` is what is vouched for now."""

    origin: str
    head: Checkpoint | None
    reason: str | None = None
    status: int = CONSISTENT

    def __str__(self) -> str:
        size, root = (None, None) if self.head is None else (self.head.size, b64(self.head.root))
        cosigned = self.status == CONSISTENT
        return json.dumps(
            {"origin": self.origin, "size": size, "root": root, "cosigned": cosigned, "reason": self.reason}
        )


@dataclass(frozen=True, slots=True)
class Tail:
    """The leaf hashes of a log from index `before.size` up to its signed head."""

    before: Frontier
    hashes: Sequence[bytes]
    note: str

    def growth(self, size: int) -> tuple[int, list[bytes]]:
        """Old size and consistency proof for a witness that remembers `size`; a shorter log can only offer its own."""
        end = self.before.size + len(self.hashes)
        if size == 0 or end < size:
            return min(size, end), []
        if size < self.before.size:
            raise BadSegment(f"records from {size} on were removed before they were witnessed", size)
        known = size - self.before.size
        return size, Span(self.before.extend(self.hashes[:known]), self.hashes[known:]).consistency()


def read_tail(log: Store, ring: KeyRing, size: int) -> Tail:
    """A log from the file that holds record `size` on, or its last file; every record checked. BadSegment, OSError."""
    reader = LogReader(LogFolder(log), ring)
    reader.refresh()
    before, after, hashes, note = None, Frontier(), list[bytes](), ""
    for file in reader.files[max(0, bisect_right([file.start for file in reader.files], size) - 1) :]:
        opened = segment.open_file(log.read(file.name), ring, file.start)
        if before is None:
            before = after = opened.before
        if opened.before != after:
            raise BadSegment(f"{file.name} does not continue the tree before it", file.start)
        for batch in segment.batches(opened):
            after = after.extend(batch.hashes)
            hashes += batch.hashes
        segment.check_head(opened, after)
        note = opened.note
    if before is None:
        raise BadSegment("log is empty")
    return Tail(before, hashes, note)


def witness_root(root: Store, given: KeyRing, heads: Heads, name: str | None, out: Path | None) -> Iterator[Finding]:
    """Look once at each log of a root, and at each that was there before. OSError, AuditError.

    Later keys are taken from the root if the given ones endorse them.
    """
    ring = read_ring(root)
    if not ring.extends(given):
        raise BadNote("log.vkey: not the key that was given")
    cosigner = Cosigner.open(heads, [ring], name)
    family = ring.keys[0].family
    origins = {f"{family}/{folder}" for folder in root.folders() if root.child(folder).names("seg")}
    remembered = {known.head.origin for known in cosigner.all()}
    origins |= {origin for origin in remembered if origin.rpartition("/")[0] == family}
    if not origins:
        raise BadRoot("no log here")
    for origin in sorted(origins):
        yield _witness_log(root.child(_folder(origin)), ring.sibling(origin), cosigner, out)


def _witness_log(log: Store, ring: KeyRing, cosigner: Cosigner, out: Path | None) -> Finding:
    known = cosigner.latest(ring.name)
    head = None if known is None else known.head
    try:
        cosigned = _advance(log, ring, cosigner)
    except Unproven as error:
        return Finding(ring.name, head, str(error), INCONSISTENT)
    except OSError as error:
        return Finding(ring.name, head, f"cannot be read: {error.strerror or error}", UNREADABLE)
    if out is not None:
        replace(out / f"{_folder(ring.name)}{SUFFIX}", cosigned.note.encode())
    return Finding(ring.name, cosigned.head)


def _advance(log: Store, ring: KeyRing, cosigner: Cosigner) -> Cosigned:
    """Bring what is remembered up to the log's head; Refused, and the evidence kept, if it does not lead there."""
    while True:
        known = cosigner.latest(ring.name)
        size = 0 if known is None else known.head.size
        tail = read_tail(log, ring, size)
        try:
            return cosigner.add(*tail.growth(size), tail.note)
        except Refused as refused:
            if refused.status == HTTPStatus.CONFLICT and refused.remembered != size:
                continue  # another process of this witness was quicker
            if known is not None:
                cosigner.heads.keep_evidence(known.note, tail.note)
            raise


def _folder(origin: str) -> str:
    return origin.rpartition("/")[2]


def _look(given: argparse.Namespace, ring: KeyRing, heads: Heads) -> int:
    """One round over ROOT, printed; the exit status."""
    statuses = set()
    try:
        for finding in witness_root(open_store(given.root), ring, heads, given.name, given.out):
            print(finding, flush=True)
            statuses.add(finding.status)
    except (OSError, AuditError) as error:
        statuses.add(INCONSISTENT if isinstance(error, Unproven) else UNREADABLE)
        print(Finding(ring.name, None, str(error), UNREADABLE), flush=True)
    return next((status for status in (INCONSISTENT, UNREADABLE, CONSISTENT) if status in statuses), UNREADABLE)


def _listen(given: argparse.Namespace, rings: Sequence[KeyRing], heads: Heads) -> int:
    """Serve until interrupted."""
    cosigner = Cosigner.open(heads, rings, given.name)

    def report(head: Checkpoint, reason: str | None) -> None:
        print(Finding(head.origin, head, reason, INCONSISTENT if reason else CONSISTENT), flush=True)

    with WitnessServer(given.listen, cosigner, report) as server:
        host, port = server.server_address[:2]
        print(json.dumps({"listening": f"{host!s}:{port}", "key": str(cosigner.key)}), flush=True)
        server.serve_forever()
    return CONSISTENT


def _address(text: str) -> tuple[str, int]:
    """HOST:PORT or :PORT; ValueError."""
    host, _, port = text.rpartition(":")
    return host or LOCALHOST, int(port)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m audit.witness", description="Cosign logs that only grow.")
    parser.add_argument("root", nargs="?", metavar="ROOT", help="folder or object store URL of the logs")
    parser.add_argument("--listen", type=_address, metavar="HOST:PORT",
                        help=f"answer add-checkpoint over HTTP; HOST is {LOCALHOST} unless given")  # fmt: skip
    parser.add_argument("--key", type=Path, action="append", required=True, metavar="FILE",
                        help="verifier key of a root (log.vkey); its logs are trusted when first seen")  # fmt: skip
    parser.add_argument("--state", type=Path, required=True, metavar="DIR", help="key and memory of the witness")
    parser.add_argument("--every", type=float, metavar="SECONDS", help="look again and again")
    parser.add_argument("--out", type=Path, metavar="DIR", help="write <log>.checkpoint with the cosignature there")
    parser.add_argument("--name", help="name of a new witness key; default drawn from the key")
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Exit 0 consistent, 1 a log is inconsistent, 2 unreadable."""
    parser = _parser()
    given = parser.parse_args(arguments)
    if (given.root is None) == (given.listen is None) or (given.root is not None and len(given.key) > 1):
        parser.error("expected ROOT with one --key, or --listen")
    status = CONSISTENT
    try:
        rings = [parse_ring(path.read_bytes()) for path in given.key]
        heads = Heads.open(given.state)
        if given.listen is not None:
            return _listen(given, rings, heads)
        if given.out is not None:
            given.out.mkdir(parents=True, exist_ok=True)
        status = _look(given, rings[0], heads)
        while given.every is not None:
            time.sleep(given.every)
            status = _look(given, rings[0], heads)
    except KeyboardInterrupt:
        return status
    except (OSError, AuditError) as error:
        print(json.dumps({"cosigned": False, "reason": str(error)}))
        return UNREADABLE
    return status


if __name__ == "__main__":
    sys.exit(pipe.run(main))
