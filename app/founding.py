"""The first start: keys, the embedded model, and a log that begins with what is served and under which rules."""

import argparse
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from uuid_utils import uuid7

from app.auth import TokenKey
from app.settings import Settings, from_environment
from app.terms import Terms
from audit.erasure import open_log
from audit.errors import AuditError
from audit.folder import CONTROL
from audit.init import begin
from audit.keyring import FOUNDING, read_ring
from audit.keys import load
from audit.record import Entry, Kind
from audit.store import is_url, open_store
from deployments import embedded
from deployments.embedded import ModelFolder
from guards.encoder import card_digest
from guards.policy import Policy


def prepare(settings: Settings, say: Callable[[str], None]) -> None:
    """Make everything the graph needs; what is there is left alone, so a second start is quick."""
    TokenKey.create(settings.keys)
    records = shipped_records(embedded.prepare(settings.models, say))
    if not _has_begun(settings):
        say("beginning the log")
        begin(settings.audit, settings.keys, "preceptor", settings.exchange_logs, records)
    else:
        bring_up_to_date(settings, records, say)
    if is_url(settings.audit):
        settings.vkey.write_text(str(read_ring(open_store(settings.audit))))


def _has_begun(settings: Settings) -> bool:
    if isinstance(settings.audit, Path):
        return settings.audit.exists()
    return FOUNDING in open_store(settings.audit).names()


def bring_up_to_date(settings: Settings, records: Sequence[Entry], say: Callable[[str], None]) -> None:
    """After an upgrade: record what this version ships where the last record of its kind says otherwise."""
    log = open_log(settings.audit, CONTROL, load(settings.keys))
    last: dict[str, dict[str, Any]] = {}
    start = 0
    while leaves := log.tail(start):
        start += len(leaves)
        last |= {leaf["kind"]: leaf["fields"] for leaf in leaves}
    changed = [entry for entry in records if not dict(entry.fields).items() <= last.get(entry.kind, {}).items()]
    if changed:
        say(f"recording what changed: {', '.join(entry.kind for entry in changed)}")
        for result in log.append(changed):
            if isinstance(result, AuditError):
                raise result


def shipped_records(folder: ModelFolder) -> list[Entry]:
    """The embedded model's promotion, and the rules in force."""
    promotion = {
        "name": folder.name,
        "model_digest": folder.digest,
        "base": folder.name,
        "adapter_digest": None,
        "weights": folder.files,
    }
    policy = {
        "policy_digest": Policy.load().digest,
        "guard_digest": card_digest(),
        "terms_digest": Terms.load().digest,
    }
    return [_operational(Kind.promotion, promotion), _operational(Kind.policy, policy)]


def _operational(kind: Kind, fields: Mapping[str, object]) -> Entry:
    return Entry(kind, str(uuid7()), 0, "preceptor", "operator", fields, actor="operator")


def main(arguments: Sequence[str] | None = None) -> int:
    """`python -m app.founding`: prepare PRECEPTOR_HOME for a Ray cluster that is not `make run`'s own."""
    parser = argparse.ArgumentParser(prog="python -m app.founding", description=__doc__)
    parser.parse_args(arguments)
    try:
        prepare(from_environment(), print)
    except (AuditError, OSError, ValueError) as error:
        print(f"app.founding: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
