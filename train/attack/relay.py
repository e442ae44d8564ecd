"""What garak talks to: a server on this machine's loopback that asks the tutor, and tells garak the verdict alone.

garak takes a refusal, which is HTTP 400, for the end of the run, and knows neither our budget nor what an earlier run
has asked already. So it gets {"preceptor": {"verdict": ...}} from here, and 410 for what is over the budget.
"""

import json
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import MappingProxyType

from train.attack.attempt import Answer, Ending
from train.attack.errors import TargetError
from train.attack.seeds import valid

OVER = 410
VERDICTS: Mapping[Ending, str] = MappingProxyType({"refused": "refuse", "lesson": "gate"})
"""What garak's detector reads as a shield that held; an output guard's cut is no shield of the prompt."""
WORDS = tuple(VERDICTS.values())

Ask = Callable[[str], Answer]


@dataclass(slots=True)
class Relay:
    """Answers of one probe. At most `most` different texts are asked; the same text again gets the same answer."""

    ask: Ask
    most: int
    broken: TargetError | None = None
    _known: dict[str, Answer] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def verdict(self, text: str) -> str | None:
        """One of WORDS or "allow"; None for what failed, over the budget, or once the tutor is gone."""
        with self._lock:
            if text not in self._known:
                if self.broken or len(self._known) >= self.most:
                    return None
                try:
                    self._known[text] = self.ask(text)
                except TargetError as error:
                    self.broken = error
                    return None
            ending = self._known[text].ending
        return None if ending == "failed" else VERDICTS.get(ending, "allow")


@contextmanager
def serve(relay: Relay) -> Iterator[str]:
    """The URL of a relay while it runs."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (_Handler,), {"relay": relay}))
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}/"
    finally:
        server.shutdown()
        server.server_close()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    relay: Relay

    def log_message(self, *_: object) -> None:
        """Prompts belong in no log."""

    def do_POST(self) -> None:
        """One prompt."""
        try:
            text = valid(str(json.loads(self.rfile.read(int(self.headers["Content-Length"])))["prompt"]))
        except (ValueError, KeyError, TypeError):
            self._send(400, {})
            return
        verdict = self.relay.verdict(text)
        self._send(OVER, {}) if verdict is None else self._send(200, {"preceptor": {"verdict": verdict}})

    def _send(self, status: int, value: object) -> None:
        body = json.dumps(value).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
