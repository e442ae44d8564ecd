"""The rows as a dataset of the log: one record, with the heads that it was read at as its source."""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from audit.client import AuditClient
from train import lineage
from train.described import Column, DataFile, DataSource, Described, Table
from train.learning.building import ROWS

_NAME = "preceptor-feedback"
_LICENCE = "LicenseRef-Preceptor-Terms"  # people's own words: for use here under the terms that they accepted


def record(out: Path, told: Mapping[str, Any], client: AuditClient) -> None:
    """Append the record of what a summary names; the receipt lies beside the rows. Raises NotRecorded, OSError."""
    lineage.append(out, described(told), client)


def described(told: Mapping[str, Any]) -> Described:
    """The dataset of a summary. It is never published, so it has no papers."""
    heads = hashlib.sha256(json.dumps(told["read_at"], sort_keys=True).encode()).hexdigest()
    version = ".".join(str(int(part)) for part in told["newest"].split("-")) if told["newest"] else "0.0.0"
    files = (
        DataFile(name, told["files"][name]["sha256"], told["files"][name]["bytes"], told["files"][name]["rows"])
        for name in ROWS
    )
    tables = tuple(
        Table(file.path.removesuffix(".jsonl"), (file,), (Column("about", "string", "The request"),)) for file in files
    )
    log = DataSource("audit-log", "The audit log at the heads in feedback.json", _LICENCE, "", "", "", heads)
    return Described(_NAME, version, "Rows out of reviewers' decisions.", told["newest"], _LICENCE, tables, (log,))
