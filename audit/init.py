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
from pathlib import Path

from audit import disk, keys
from audit.checkpoint import VerifierKey
from audit.errors import AlreadyBegun, AuditError, BadEntry, Unavailable
from audit.folder import CONTROL, write_key
from audit.keys import Keys
from audit.log import Log
from audit.record import Entry, Kind

MAX_EXCHANGE_LOGS = 64


def begin(root: Path, keys_dir: Path, name: str, exchange_logs: int, founding: Sequence[Entry] = ()) -> None:
    """Create keys if absent, all logs, then the founding records in the control log. All appears at once or not at all.

    AlreadyBegun if `root` holds anything; BadEntry, BadKeys, BadNote, Unavailable.
    """
    if root.exists() and any(root.iterdir()):
        raise AlreadyBegun(f"{root}: expected an absent or empty folder")
    if not 1 <= exchange_logs <= MAX_EXCHANGE_LOGS:
        raise BadEntry(f"exchange logs: expected 1 to {MAX_EXCHANGE_LOGS}, got {exchange_logs}")
    signing = keys.create(keys_dir)
    building = root.with_name(f".{root.name}.{secrets.token_hex(8)}")
    try:
        building.mkdir(parents=True)
        _build(building, signing, name, exchange_logs, founding)
        os.rename(building, root)  # noqa: PTH104 - must replace an empty folder and nothing else
        disk.sync_folder(root.parent)
    except OSError as error:
        raise Unavailable(f"cannot begin the logs: {error.strerror}") from error
    finally:
        shutil.rmtree(building, ignore_errors=True)


def _build(root: Path, signing: Keys, name: str, exchange_logs: int, founding: Sequence[Entry]) -> None:
    family = f"{name}/{secrets.token_hex(8)}"
    verifiers = [
        VerifierKey(f"{family}/{folder}", signing.public)
        for folder in (CONTROL, *(f"exchange-{number}" for number in range(exchange_logs)))
    ]
    write_key(root, verifiers[0])
    control, *_ = [Log.begin(root / key.name.rpartition("/")[2], key, signing, name) for key in verifiers]
    logs = [{"origin": key.name, "vkey": str(key)} for key in verifiers]
    listed = Entry(Kind.logs, "logs", 0, "", "", {"logs": logs}, actor="operator")
    for result in control.append([listed, *founding]):
        if isinstance(result, AuditError):
            raise result


def main(arguments: Sequence[str] | None = None) -> int:
    """Exit 0 begun, 1 not begun."""
    parser = argparse.ArgumentParser(prog="python -m audit.init", description="Begin the logs of a root.")
    parser.add_argument("root", type=Path, metavar="ROOT", help="a folder that is absent or empty")
    parser.add_argument("--keys", type=Path, required=True, metavar="DIR", help="key folder; keys are made if absent")
    parser.add_argument("--name", default="preceptor", help="first part of every log's name")
    parser.add_argument("--exchange-logs", type=int, default=1, metavar="N")
    given = parser.parse_args(arguments)
    try:
        begin(given.root, given.keys, given.name, given.exchange_logs)
    except AuditError as error:
        print(f"not begun: {error}", file=sys.stderr)
        return 1
    print((given.root / "log.vkey").read_text(), end="")
    return 0


if __name__ == "__main__":
    sys.exit(main())
