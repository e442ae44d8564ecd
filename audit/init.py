"""Begin the logs of a root: `python -m audit.init ROOT --keys DIR [--name N] [--exchange-logs N]`.

ROOT/log.vkey            the control log's verifier key: the one public key an outsider needs
ROOT/control/            policy, terms, grants, promotions, heads
ROOT/exchange-0/ ...     questions and answers
"""

from __future__ import annotations

import argparse
import os
import secrets
import shutil
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from audit import disk, keys
from audit.checkpoint import VerifierKey
from audit.errors import AlreadyBegun, AuditError, BadEntry, Unavailable
from audit.folder import CONTROL
from audit.keyring import FOUNDING
from audit.keys import Keys
from audit.log import Log
from audit.record import Entry, Kind
from audit.store import LocalStore, join_address, open_store

MAX_EXCHANGE_LOGS = 64


def begin(root: str | Path, keys_dir: Path, name: str, exchange_logs: int, founding: Sequence[Entry] = ()) -> None:
    """Create keys if absent, all logs, then the founding records in the control log.

    A local root appears at once or not at all; in an object store the root's key, without which nothing opens, comes
    last. AlreadyBegun if `root` holds anything; BadEntry, BadKeys, BadNote, BadRoot, Unavailable.
    """
    if not 1 <= exchange_logs <= MAX_EXCHANGE_LOGS:
        raise BadEntry(f"exchange logs: expected 1 to {MAX_EXCHANGE_LOGS}, got {exchange_logs}")
    try:
        _require_empty(root)
        open_store(root).prove_exclusive()
        plan = _Plan(keys.create(keys_dir), name, exchange_logs, founding)
        if isinstance(open_store(root), LocalStore):
            _begin_local(Path(root), plan)
        else:
            _build(root, plan)
    except OSError as error:
        raise Unavailable(f"cannot begin the logs: {error.strerror}") from error


@dataclass(frozen=True, slots=True)
class _Plan:
    signing: Keys
    name: str
    exchange_logs: int
    founding: Sequence[Entry]


def _require_empty(root: str | Path) -> None:
    store = open_store(root)
    if isinstance(store, LocalStore) and not Path(root).exists():
        return
    if store.names() or store.folders():
        raise AlreadyBegun(f"{root}: expected an absent or empty folder")


def _begin_local(root: Path, plan: _Plan) -> None:
    building = root.with_name(f".{root.name}.{secrets.token_hex(8)}")
    try:
        building.mkdir(parents=True)
        _build(building, plan)
        os.rename(building, root)  # noqa: PTH104 - must replace an empty folder and nothing else
        disk.sync_folder(root.parent)
    finally:
        shutil.rmtree(building, ignore_errors=True)


def _build(root: str | Path, plan: _Plan) -> None:
    family = f"{plan.name}/{secrets.token_hex(8)}"
    verifiers = [
        VerifierKey(f"{family}/{folder}", plan.signing.public)
        for folder in (CONTROL, *(f"exchange-{number}" for number in range(plan.exchange_logs)))
    ]
    logs = {key: join_address(root, key.name.rpartition("/")[2]) for key in verifiers}
    control, *_ = [Log.begin(address, key, plan.signing, plan.name) for key, address in logs.items()]
    fields = {"logs": [{"origin": key.name, "vkey": str(key)} for key in verifiers]}
    listed = Entry(Kind.logs, "logs", 0, "", "", fields, actor="operator")
    for result in control.append([listed, *plan.founding]):
        if isinstance(result, AuditError):
            raise result
    open_store(root).create(FOUNDING, f"{verifiers[0]}\n".encode())


def main(arguments: Sequence[str] | None = None) -> int:
    """Exit 0 begun, 1 not begun."""
    parser = argparse.ArgumentParser(prog="python -m audit.init", description="Begin the logs of a root.")
    parser.add_argument("root", metavar="ROOT", help="a folder, or an object store's URL, that is absent or empty")
    parser.add_argument("--keys", type=Path, required=True, metavar="DIR", help="key folder; keys are made if absent")
    parser.add_argument("--name", default="preceptor", help="first part of every log's name")
    parser.add_argument("--exchange-logs", type=int, default=1, metavar="N")
    given = parser.parse_args(arguments)
    try:
        begin(given.root, given.keys, given.name, given.exchange_logs)
        print(bytes(open_store(given.root).read(FOUNDING)).decode(), end="")
    except AuditError as error:
        print(f"not begun: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
