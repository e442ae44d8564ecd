"""Append records over HTTP: for jobs and operators, who hold no log key. Standard library only."""

from __future__ import annotations

import http.client
import json
import urllib.error
import urllib.request
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from audit.errors import RemoteError
from audit.record import Entry

TIMEOUT_S = 30.0


@dataclass(frozen=True, slots=True)
class AuditClient:
    """The records door of one server."""

    url: str
    token: str = field(repr=False)
    timeout_s: float = TIMEOUT_S

    def append(self, entries: Sequence[Entry]) -> list[dict[str, Any]]:
        """One result per entry, in order: {"receipt": {...}} or {"error": {...}}. RemoteError if none was taken.

        Safe to repeat: an equal (request_id, seq) brings the first receipt again.
        """
        if not self.url.startswith(("http://", "https://")):
            raise RemoteError(f"url: expected http or https, got {self.url[:64]!r}")
        body = json.dumps({"records": [entry.to_json() for entry in entries]}).encode()
        headers = {"Authorization": f"Bearer {self.token}", "Content-Type": "application/json"}
        target = f"{self.url.rstrip('/')}/v1/audit/records"
        request = urllib.request.Request(target, body, headers, method="POST")  # noqa: S310 - scheme checked above
        try:
            with urllib.request.urlopen(request, timeout=self.timeout_s) as response:  # noqa: S310
                results = json.load(response)["results"]
        except urllib.error.HTTPError as error:
            raise RemoteError(f"HTTP {error.code}: {error.read(2000).decode(errors='replace')}") from error
        except (OSError, ValueError, KeyError, TypeError, http.client.HTTPException) as error:
            raise RemoteError(f"no usable answer: {error}") from error
        if not isinstance(results, list) or len(results) != len(entries):
            raise RemoteError(f"expected {len(entries)} results, got {str(results)[:100]}")
        return results
