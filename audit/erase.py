"""Erase a person: `python -m audit.erase ROOT --keys DIR --tenant T --subject S`.

Destroys the subject's key, records the erasure, and rewrites every file that still holds text under it. Safe while the
system runs, and safe to repeat after a crash. Exit 0 erased, 1 no such subject, 2 could not.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from audit import keys, pipe
from audit.erasure import erase
from audit.errors import AuditError
from audit.store import to_address


def main(arguments: Sequence[str] | None = None) -> int:
    """Exit 0 erased, 1 no such subject, 2 could not."""
    parser = argparse.ArgumentParser(prog="python -m audit.erase", description="Erase a person from all logs.")
    parser.add_argument("root", type=to_address, metavar="ROOT", help="folder or object store URL of the logs")
    parser.add_argument("--keys", type=Path, required=True, metavar="DIR", help="key folder")
    parser.add_argument("--tenant", required=True)
    parser.add_argument("--subject", required=True)
    given = parser.parse_args(arguments)
    try:
        done = erase(given.root, keys.load(given.keys), given.tenant, given.subject)
    except AuditError as error:
        print(f"not erased; repeat the command: {error}", file=sys.stderr)
        return 2
    if done is None:
        print("no such subject: nothing of theirs was ever recorded", file=sys.stderr)
        return 1
    print(json.dumps(asdict(done)))
    return 0


if __name__ == "__main__":
    sys.exit(pipe.run(main))
