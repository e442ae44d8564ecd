"""One receiver of alerts over HTTP, by the Standard Webhooks convention (standardwebhooks.com, version 1).

    webhook-id         the alert's id: by it a receiver knows a repeat
    webhook-timestamp  seconds of this attempt
    webhook-signature  v1,<base64 of HMAC-SHA256 over "<id>.<timestamp>.<body>">

The body is JSON: `type`, `timestamp` and `data` with id, rule, severity, about, tenant, subject and value. No text.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import http.client
import json
import socket
import ssl
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import SplitResult, urlsplit

from audit.errors import BadKeys
from audit.monitoring.alert import Alert
from audit.monitoring.errors import BadSetup, NotDelivered
from audit.private import require_private

PREFIX, SHORTEST, LONGEST = "whsec_", 24, 64
STEP_S, WHOLE_S = 5.0, 10.0  # of one step of an attempt, and of all of it, however slowly the answer drips


@dataclass(frozen=True, slots=True)
class Webhook:
    """A receiver. Redirects are not followed, and of an answer nothing but its status is read."""

    url: str = field(repr=False)
    secret: bytes = field(repr=False)
    step_s: float = STEP_S
    whole_s: float = WHOLE_S

    @property
    def host(self) -> str:
        """What may be shown of the URL: paths of webhooks are often secrets."""
        return self._split().netloc.rpartition("@")[2]

    def __call__(self, alerts: Sequence[Alert]) -> dict[str, str]:
        """Send alerts; each was answered with 2xx when this returns, else NotDelivered."""
        for alert in alerts:
            self.send(alert)
        return {}

    def send(self, alert: Alert) -> None:
        """Send one; NotDelivered."""
        body = body_of(alert)
        connection = self._connection()
        limit = threading.Timer(self.whole_s, _hang_up, (connection,))
        limit.start()
        try:
            target = self._split()._replace(scheme="", netloc="", fragment="").geturl() or "/"
            connection.request("POST", target, body, headers_of(alert, body, self.secret, int(time.time())))
            status = connection.getresponse().status
        except (OSError, http.client.HTTPException, ValueError) as error:
            raise NotDelivered(f"no usable answer: {type(error).__name__}") from error
        finally:
            limit.cancel()
            connection.close()
        if not 200 <= status < 300:
            raise NotDelivered(f"expected HTTP 2xx, got {status}")

    def _split(self) -> SplitResult:
        return urlsplit(self.url)

    def _connection(self) -> http.client.HTTPConnection:
        split = self._split()
        if split.scheme == "https":
            trusted = ssl.create_default_context()
            return http.client.HTTPSConnection(split.hostname or "", split.port, timeout=self.step_s, context=trusted)
        return http.client.HTTPConnection(split.hostname or "", split.port, timeout=self.step_s)


def body_of(alert: Alert) -> bytes:
    """The same bytes at every attempt."""
    found = datetime.fromtimestamp(alert.at_us / 1_000_000, UTC).isoformat().replace("+00:00", "Z")
    names = ("id", "rule", "severity", "about", "tenant", "subject")
    data = {name: getattr(alert, name) for name in names}
    data["value"] = None if alert.value_ppm is None else alert.value_ppm / 1_000_000
    return json.dumps({"type": "preceptor.alert", "timestamp": found, "data": data}).encode()


def headers_of(alert: Alert, body: bytes, secret: bytes, now_s: int) -> dict[str, str]:
    """The headers of an attempt at this time."""
    return {
        "content-type": "application/json",
        "user-agent": "preceptor-monitor",
        "webhook-id": alert.id,
        "webhook-timestamp": str(now_s),
        "webhook-signature": sign(alert.id, now_s, body, secret),
    }


def sign(message_id: str, now_s: int, body: bytes, secret: bytes) -> str:
    """The value of `webhook-signature`."""
    signed = hmac.new(secret, f"{message_id}.{now_s}.".encode() + body, hashlib.sha256).digest()
    return f"v1,{base64.b64encode(signed).decode()}"


def read_secret(text: str) -> bytes:
    """The key in `whsec_<base64>`; BadSetup."""
    try:
        key = base64.b64decode(text.strip().removeprefix(PREFIX), validate=True)
    except (binascii.Error, ValueError):
        key = b""
    if not text.startswith(PREFIX) or not SHORTEST <= len(key) <= LONGEST:
        raise BadSetup(f"webhook secret: expected {PREFIX} and base64 of {SHORTEST} to {LONGEST} bytes")
    return key


def secret_in(path: Path) -> bytes:
    """The key in a file that only its owner may read; BadSetup."""
    try:
        require_private(path)
        return read_secret(path.read_text(encoding="ascii"))
    except (BadKeys, OSError, UnicodeDecodeError) as error:
        raise BadSetup(f"webhook secret: {error}") from error


def require_url(url: str) -> str:
    """A URL that a webhook can be; BadSetup, which does not repeat it."""
    with suppress(ValueError):
        split = urlsplit(url)
        if split.scheme in ("http", "https") and split.hostname and split.username is None and split.port != 0:
            return url
    raise BadSetup("webhook: expected http(s)://host[:port]/path without a user name, got another text")


def _hang_up(connection: http.client.HTTPConnection) -> None:
    if connection.sock is not None:
        with suppress(OSError, ValueError):
            connection.sock.shutdown(socket.SHUT_RDWR)
