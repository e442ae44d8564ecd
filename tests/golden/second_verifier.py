"""A second verifier of the log, written from docs/audit-format.md alone: standard library, pyarrow, cryptography.

    python -m tests.golden.second_verifier [ROOT] [--key FILE] [--checkpoint FILE]... [--receipt FILE]...

Shares no code with `audit`. Local folders only, one thread, everything in memory: simple before fast.
"""

import argparse
import json
import re
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from tests.golden.second_files import File, Part, check_file, cover, list_files
from tests.golden.second_join import Claim, Log, check_ends, join
from tests.golden.second_keys import Chain, b64, check_receipt, open_note, parse_chain, parse_vkey, unb64
from tests.golden.second_records import Fault, need

ROLLBACK = ("no outside checkpoint was given: a rollback of the whole root to an older state is not detected; "
            "pass --checkpoint or --receipt from outside")  # fmt: skip
TRIES = 8
CHAIN = re.compile(r"log-([1-9][0-9]{0,3})\.vkey")
Check = Callable[[str, Chain], tuple[str, int, bytes]]


class Nothing(Exception):
    """Nothing there to verify, or unreadable."""


def verify_log(root: Path, chain: Chain, claims: Sequence[Claim], notes: list[str]) -> Log:
    log, excluded = root / chain.name.rpartition("/")[2], set[File]()
    check_key(log, chain)
    for _ in range(TRIES):
        found = list_files(log)
        chosen = cover([file for file in found if file not in excluded])
        need(chosen, "log is empty", None, f"{log.name}/seg")
        try:
            parts = [read(root, file, chain) for file in chosen + [file for file in found if file not in chosen]]
        except FileNotFoundError:
            continue
        wanted = [claim for claim in claims if claim[0] == chain.name]
        done = join(parts[: len(chosen)], chain, wanted)
        if not done.unnamed():
            check_ends(done, wanted, notes)
            return done
        excluded |= done.unnamed()
    raise Fault("files vanish while they are read", None, f"{log.name}/seg")


def check_key(log: Path, chain: Chain) -> None:
    try:
        held = parse_chain((log / "log.vkey").read_bytes())
        need((held.name, held.keys[0]) == (chain.name, chain.keys[0]), "not the root's key under this log's name")
    except (Fault, FileNotFoundError) as error:
        raise Fault(str(error), None, f"{log.name}/log.vkey") from None


def read(root: Path, file: File, chain: Chain) -> Part:
    try:
        return check_file(file, (root / file.path).read_bytes(), chain)
    except Fault as fault:
        raise Fault(fault.reason, fault.index, file.path) from None


def verify_root(root: Path, chain: Chain, claims: list[Claim], notes: list[str]) -> Iterator[Log]:
    control = verify_log(root, chain, claims, notes)
    yield control
    names = listed(control, chain)
    for index, one in control.fields("head"):
        try:
            claims.append((one["origin"], one["size"], unb64(one["root"]), f"control record {index}"))
        except Fault as fault:
            raise Fault(fault.reason, index, "control") from None
    folders = {name.rpartition("/")[2] for name in names}
    for folder in sorted(path.parent.name for path in root.glob("*/log.vkey")):
        need(folder in folders, "a log that the control log does not list", None, folder)
    need({claim[0] for claim in claims} <= set(names), "a head of a log that is not listed", None, "control")
    logs = [control]
    for name in names[1:]:
        logs.append(verify_log(root, chain.of(name), claims, notes))
        yield logs[-1]
    gone = [one for log in logs for one in log.gone()]
    if unexcused(gone, control):  # an erasure may have happened since the control log was read
        control = verify_log(root, chain, [], [])
    for path, index in unexcused(gone, control):
        raise Fault("content is gone, but no erase record says so", index, path)


def listed(control: Log, chain: Chain) -> list[str]:
    """Origins of all logs of the root, control first."""
    try:
        found = [parse_vkey(one["vkey"]) for _, fields in control.fields("logs")[:1] for one in fields["logs"]]
        need([name for name, _ in found[:1]] == [chain.name], "control log does not list itself first")
        need(all(chain.of(name).keys[0] == key for name, key in found), "control log lists another key")
    except Fault as fault:
        raise Fault(fault.reason, None, "control") from None
    return [name for name, _ in found]


def unexcused(gone: Sequence[tuple[str, int, str | None]], control: Log) -> list[tuple[str, int]]:
    erased = {fields["subject"] for _, fields in control.fields("erase")}
    return [(path, index) for path, index, tag in gone if tag not in erased]


@dataclass
class Report:
    """What is printed."""

    key_source: str
    logs: list[dict[str, Any]] = field(default_factory=list)
    receipts: list[dict[str, Any]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    first_bad: dict[str, Any] | None = None

    def blame(self, fault: Fault, file: str) -> None:
        """Only the first fault counts."""
        bad = {"file": fault.file or file, "index": fault.index, "reason": fault.reason}
        self.first_bad = self.first_bad or bad

    def to_json(self) -> dict[str, Any]:
        return {"valid": self.first_bad is None} | asdict(self)


def verify(
    root: Path | None, key: Path | None = None, checkpoints: Sequence[Path] = (), receipts: Sequence[Path] = ()
) -> Report:
    """Check all that is given; Nothing."""
    report, claims = Report("given" if key else "root"), list[Claim]()
    try:
        given, held = read_chains(root, key)
    except Fault as fault:
        report.blame(fault, "log.vkey")
        return report
    shorter, longer = sorted((given, held), key=lambda one: len(one.keys))
    fit = (shorter.name, shorter.keys) == (longer.name, longer.keys[: len(shorter.keys)])
    for path in receipts:
        reason = claim(claims, path, check_receipt, longer if fit else given, report)
        report.receipts.append({"file": str(path), "valid": reason is None, "reason": reason})
    for path in checkpoints:
        claim(claims, path, open_note, longer if fit else given, report)
    if root is not None:
        try:
            need(fit, "not the key that was given")
            for log in verify_root(root, longer, claims, report.notes):
                report.logs.append({"origin": log.origin, "size": log.size, "root": b64(log.root)})
        except Fault as fault:
            report.blame(fault, "log.vkey")
        report.notes += [] if checkpoints or receipts else [ROLLBACK]
    return report


def claim(claims: list[Claim], path: Path, check: Check, chain: Chain, report: Report) -> str | None:
    """Take in a head from outside; what is wrong with it."""
    try:
        head = check(path.read_bytes().decode(errors="replace"), chain)
    except Fault as fault:
        report.blame(fault, str(path))
        return fault.reason
    claims.append((*head, f"{'receipt' if check is check_receipt else 'checkpoint'} {path.name}"))
    return None


def read_chains(root: Path | None, key: Path | None) -> tuple[Chain, Chain]:
    """The chain given from outside and the one in the root, either for both; Nothing without one."""
    given = held = None
    if root is not None and not (root.is_dir() and any(root.iterdir())):
        raise Nothing(f"{root}: no folder, or empty")
    if key is not None:
        try:
            given = parse_chain(key.read_bytes())
        except Fault as fault:
            raise Fault(fault.reason, None, str(key)) from None
    if root is not None:
        if given is None and not (root / "log.vkey").exists():
            raise Nothing("log.vkey: missing")
        need((root / "log.vkey").exists(), "missing")
        founding = held = parse_chain((root / "log.vkey").read_bytes())
        later = [int(match[1]) for match in map(CHAIN.fullmatch, (path.name for path in root.iterdir())) if match]
        if later:
            held = parse_chain((root / f"log-{max(later)}.vkey").read_bytes())
        need((held.name, held.keys[:1]) == (founding.name, founding.keys), "expected a chain that begins with log.vkey")
    if given is None and held is None:
        raise Nothing("expected a root, or a key and receipts")
    return given or held, held or given


def main(arguments: Sequence[str] | None = None) -> int:
    """Exit 0 valid, 1 invalid, 2 nothing to verify."""
    parser = argparse.ArgumentParser(description="Verify logs and receipts: a second opinion.")
    parser.add_argument("root", nargs="?", type=Path)
    parser.add_argument("--key", type=Path)
    parser.add_argument("--checkpoint", type=Path, action="append", default=[])
    parser.add_argument("--receipt", type=Path, action="append", default=[])
    given = parser.parse_args(arguments)
    try:
        report = verify(given.root, given.key, given.checkpoint, given.receipt).to_json()
    except (Nothing, OSError) as error:
        print(json.dumps({"valid": False, "notes": [str(error)]}))
        return 2
    print(json.dumps(report, indent=2))
    return 0 if report["valid"] else 1


if __name__ == "__main__":
    sys.exit(main())
