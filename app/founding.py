"""The first start: keys, the embedded model, and a log that begins with what is served and under which rules."""

import argparse
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from uuid_utils import uuid7

from app import shipped
from app.auth import TokenKey
from app.settings import Settings, from_environment
from app.shipped import ShippedAdapter
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
from deployments.adapter import joined
from deployments.embedded import ModelFolder
from guards.encoder import card_digest
from guards.policy import Policy

TENANT = (
    "preceptor"  # whose records the founding makes; a job's or an operator's promotion is of another tenant or none
)


def prepare(settings: Settings, say: Callable[[str], None]) -> None:
    """Make everything the graph needs; what is there is left alone, so a second start is quick."""
    TokenKey.create(settings.keys)
    folder = embedded.prepare(settings.models, say)
    records = shipped_records(folder, _placed_adapter(folder, settings, say))
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


def _placed_adapter(folder: ModelFolder, settings: Settings, say: Callable[[str], None]) -> ShippedAdapter | None:
    adapter = shipped.find(folder.name)
    if adapter is None:
        return None
    if adapter.base != folder.digest:  # its gate says nothing about it on other weights
        say(f"the shipped adapter is for base {adapter.base}, here is {folder.digest}: the base answers alone")
        return None
    adapter.place(settings.models)
    return adapter


def bring_up_to_date(settings: Settings, records: Sequence[Entry], say: Callable[[str], None]) -> None:
    """After an upgrade: record what this version ships where the last record of its kind says otherwise.

    Where an operator has promoted a model, or taken one back, that stays: only who made a choice may undo it.
    """
    log = open_log(settings.audit, CONTROL, load(settings.keys))
    last: dict[tuple[str, str | None], dict[str, Any]] = {}
    start = 0
    while leaves := log.tail(start):
        start += len(leaves)
        last |= {(leaf["kind"], leaf["fields"].get("name")): leaf for leaf in leaves}
    changed = [entry for entry in records if _is_due(entry, last.get((entry.kind, entry.fields.get("name")), {}), say)]
    if changed:
        say(f"recording what changed: {', '.join(entry.kind for entry in changed)}")
        for result in log.append(changed):
            if isinstance(result, AuditError):
                raise result


def _is_due(entry: Entry, last: Mapping[str, Any], say: Callable[[str], None]) -> bool:
    if dict(entry.fields).items() <= last.get("fields", {}).items():
        return False
    if entry.kind is Kind.promotion and last and last["tenant"] != TENANT:
        say(f"{entry.fields['name']}: what an operator promoted stays active")
        return False
    return True


def shipped_records(folder: ModelFolder, adapter: ShippedAdapter | None = None) -> list[Entry]:
    """The embedded model's promotion, with its adapter where one ships, and the rules in force."""
    promotion: dict[str, object] = {
        "name": folder.name,
        "model_digest": folder.digest,
        "base": folder.name,
        "adapter_digest": None,
        "weights": folder.files,
    }
    if adapter:
        promotion |= {
            "model_digest": joined(folder.digest, adapter.folder.digest),
            "adapter_digest": adapter.folder.digest,
            "weights": folder.files | adapter.folder.files,
            "dataset_digest": adapter.dataset,
            "gate": adapter.gate,
        }
    policy = {
        "policy_digest": Policy.load().digest,
        "guard_digest": card_digest(),
        "terms_digest": Terms.load().digest,
    }
    return [_operational(Kind.promotion, promotion), _operational(Kind.policy, policy)]


def _operational(kind: Kind, fields: Mapping[str, object]) -> Entry:
    return Entry(kind, str(uuid7()), 0, TENANT, "operator", fields, actor="operator")


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
