"""C2SP tlog-witness over HTTP: `POST /add-checkpoint` and `GET /<SHA-256 of origin>/checkpoint`.

Standard library server for a witness behind a firewall or a proxy: bounded bodies, few threads, short time limits.
"""

from __future__ import annotations

import re
import socket
import threading
from collections.abc import Callable
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from audit.checkpoint import MAX_NOTE_BYTES, Checkpoint, decimal, read_checkpoint, unb64
from audit.cosigner import Cosigner, Refused
from audit.errors import BadNote, Unavailable
from audit.merkle import HASH_BYTES

MAX_PROOF_LINES = 63
MAX_BODY_BYTES = MAX_NOTE_BYTES + 4096
MAX_THREADS = 64
IDLE_S = 10.0
TEXT = "text/plain; charset=utf-8"
SIZE = "text/x.tlog.size"
_MONITOR = re.compile(r"/([0-9a-f]{64})/checkpoint")


def parse_submission(body: bytes) -> tuple[int, list[bytes], str]:
    """Old size, consistency proof and checkpoint of an `add-checkpoint` body; BadNote."""
    try:
        lines, blank, note = body.decode().partition("\n\n")
    except UnicodeDecodeError as error:
        raise BadNote("body: expected UTF-8") from error
    old, *proof = lines.split("\n")
    if not blank or not old.startswith("old "):
        raise BadNote("body: expected `old <size>`, proof lines, an empty line and a checkpoint")
    if len(proof) > MAX_PROOF_LINES:
        raise BadNote(f"body: expected at most {MAX_PROOF_LINES} proof lines, got {len(proof)}")
    path = [unb64(line) for line in proof]
    if any(len(digest) != HASH_BYTES for digest in path):
        raise BadNote(f"body: expected hashes of {HASH_BYTES} bytes")
    return decimal(old.removeprefix("old ")), path, note


class WitnessServer(ThreadingHTTPServer):
    """Serves one cosigner. `report(head, reason)` is called for each signed head of a known log; reason None is yes."""

    daemon_threads = True

    def __init__(
        self, address: tuple[str, int], cosigner: Cosigner, report: Callable[[Checkpoint, str | None], None]
    ) -> None:
        self.cosigner = cosigner
        self.report = report
        super().__init__(address, _Exchange)

    def verify_request(self, request: socket.socket | tuple[bytes, socket.socket], client_address: Any) -> bool:
        """Drop what would need one thread too many."""
        return threading.active_count() < MAX_THREADS


class _Exchange(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = IDLE_S
    server: WitnessServer

    def do_POST(self) -> None:
        length = self.headers.get("Content-Length", "")
        if not length.isascii() or not length.isdigit() or "Transfer-Encoding" in self.headers:
            return self._answer(HTTPStatus.LENGTH_REQUIRED, "expected Content-Length\n", close=True)
        if int(length) > MAX_BODY_BYTES:
            reason = f"expected at most {MAX_BODY_BYTES} bytes\n"
            return self._answer(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, reason, close=True)
        body = self.rfile.read(int(length))
        if self.path != "/add-checkpoint":
            return self._answer(HTTPStatus.NOT_FOUND, "expected /add-checkpoint\n")
        return self._add(body)

    def do_GET(self) -> None:
        match = _MONITOR.fullmatch(self.path)
        try:
            note = self.server.cosigner.heads.load_named(match[1]) if match else None
        except OSError:
            return self._answer(HTTPStatus.SERVICE_UNAVAILABLE, "witness state is unavailable\n")
        if note is None:
            return self._answer(HTTPStatus.NOT_FOUND, "no such checkpoint\n")
        return self._answer(HTTPStatus.OK, note)

    def _add(self, body: bytes) -> None:
        try:
            old_size, path, note = parse_submission(body)
            head = read_checkpoint(note)
            cosigned = self.server.cosigner.add(old_size, path, note)
        except BadNote as error:
            return self._answer(HTTPStatus.BAD_REQUEST, f"{error}\n")
        except Refused as error:
            return self._refuse(head, error)
        except Unavailable as error:
            return self._answer(HTTPStatus.SERVICE_UNAVAILABLE, f"{error}\n")
        self.server.report(head, None)
        return self._answer(HTTPStatus.OK, cosigned.line)

    def _refuse(self, head: Checkpoint, refused: Refused) -> None:
        if refused.status not in (HTTPStatus.NOT_FOUND, HTTPStatus.FORBIDDEN):  # strangers get no line in our log
            self.server.report(head, refused.reason)
        if refused.status == HTTPStatus.CONFLICT:
            return self._answer(refused.status, f"{refused.remembered}\n", SIZE)
        return self._answer(refused.status, f"{refused.reason}\n")

    def _answer(self, status: HTTPStatus, text: str, kind: str = TEXT, *, close: bool = False) -> None:
        data = text.encode()
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(data)))
        if close:
            self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
        """The report says what matters; request lines are the client's words."""
