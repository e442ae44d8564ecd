"""Text for SQL: cells opened one by one, every opened one remembered. Runs inside the sandbox when it has keys."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import orjson
import pyarrow as pa

from audit.errors import AuditError
from audit.keys import SubjectKeys
from audit.seal import text_of


@dataclass(slots=True)
class Opener:
    """Opens text cells, and remembers which records it opened and what did not open."""

    keys: SubjectKeys
    records: set[tuple[str, int]] = field(default_factory=set)
    requests: set[str] = field(default_factory=set)
    failure: AuditError | None = None

    def column(self, leaves: pa.ChunkedArray, cells: pa.ChunkedArray) -> pa.Array:
        """Text of each (leaf, content); null where there is none or its subject's key is gone. Unproven, BadKeys."""
        try:
            return pa.array(map(self._text, leaves.to_pylist(), cells.to_pylist()), pa.string())
        except AuditError as error:
            self.failure = error  # SQL can swallow an error with try()
            raise

    def _text(self, stored: bytes | None, cell: bytes | None) -> str | None:
        if stored is None or cell is None:
            return None
        leaf: dict[str, Any] = orjson.loads(stored)
        text = text_of(leaf, cell, self.keys)
        if text is not None:
            self.records.add((leaf["origin"], leaf["idx"]))
            self.requests.add(leaf["request_id"])
        return text
