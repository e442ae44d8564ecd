"""A monitor over a real root: its logs, the records door as a real HTTP server, and receivers of every temper."""

import base64
import http.server
import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from audit import monitor
from audit.log import Log
from audit.monitoring.service import Monitor
from audit.query import Asker
from audit.record import Entry, Kind

SECRET = "whsec_" + base64.b64encode(bytes(range(32))).decode()
HOUR_US = 3_600_000_000
DAY_US = 24 * HOUR_US
REFUSE = {"action": "REFUSE", "category": "harmful_operational", "score_ppm": 900_000}
DOUBT = {"action": "TEACH", "category": "harmful_operational", "score_ppm": 600_000}
TEACH = {"action": "TEACH", "category": "dual_use", "score_ppm": 700_000}
ALLOW = {"action": "ALLOW", "category": None, "score_ppm": 20_000}


class Quiet(http.server.BaseHTTPRequestHandler):
    """Answers what `self.server.answer(self, body)` says."""

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("content-length", 0)))
        self.server.answer(self, body)

    do_GET = do_POST  # noqa: N815 - the server's name

    def reply(self, status: int, data: bytes = b"", **headers: str) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("content-length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_: Any) -> None:
        pass


Answer = Callable[[Quiet, bytes], None]


@contextmanager
def listening(answer: Answer, port: int = 0) -> Iterator[str]:
    """The URL of a server that answers so."""
    http.server.ThreadingHTTPServer.allow_reuse_address = True
    server = http.server.ThreadingHTTPServer(("127.0.0.1", port), Quiet)
    server.daemon_threads = True
    server.answer = answer
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@contextmanager
def running(monitor: Monitor) -> Iterator[None]:
    """The monitor at work in a thread."""
    stopped = threading.Event()
    thread = threading.Thread(target=monitor.run, args=(3600.0, stopped), daemon=True)
    thread.start()
    try:
        yield
    finally:
        stopped.set()
        thread.join()
        monitor.outbox.close()


def within(seconds: float, holds: Callable[[], bool]) -> bool:
    """Whether something comes true in time."""
    end = time.monotonic() + seconds
    while not (true := holds()) and time.monotonic() < end:
        time.sleep(0.05)
    return true


@dataclass
class Records:
    """POST /v1/audit/records over the control log; `down` makes it answer 503."""

    log: Log
    down: bool = False
    calls: int = 0
    _turn: threading.Lock = field(default_factory=threading.Lock)

    def __call__(self, exchange: Quiet, body: bytes) -> None:
        with self._turn:
            self.calls += 1
            if self.down:
                return exchange.reply(503, b"the log does not answer")
            entries = [Entry.from_json(record) for record in json.loads(body)["records"]]
            results = [
                {"error": {"code": type(one).__name__, "message": str(one)}}
                if isinstance(one, Exception)
                else {"receipt": asdict(one)}
                for one in self.log.append(entries)
            ]
        return exchange.reply(200, json.dumps({"results": results}).encode())


@dataclass
class Inbox:
    """A receiver that takes everything and remembers it."""

    got: list[tuple[dict[str, str], bytes]] = field(default_factory=list)

    def __call__(self, exchange: Quiet, body: bytes) -> None:
        self.got.append(({name.lower(): value for name, value in exchange.headers.items()}, body))
        exchange.reply(204)

    @property
    def ids(self) -> list[str]:
        return [headers["webhook-id"] for headers, _ in self.got]


def begun_long_ago(begin: Callable[[None], Any], patch: Any) -> Any:
    """A root whose first records are 40 days old: a log's time never goes back."""
    with patch.context() as then:
        then.setattr("audit.log.time", SimpleNamespace(time_ns=lambda: time.time_ns() - 40 * DAY_US * 1000))
        return begin(None)


class Scene:
    """A root, its door, and what people do there. `at` sets the logs' clock, microseconds before now."""

    def __init__(self, world: Any, records: Records, url: str, environment: Any) -> None:
        self.world, self.records = world, records
        environment.setenv("PRECEPTOR_URL", url)
        environment.setenv("PRECEPTOR_API_KEY", "an admin's")
        environment.setenv("PRECEPTOR_WEBHOOK_SECRET", SECRET)
        environment.delenv("PRECEPTOR_LOG", raising=False)
        self.now = time.time_ns() // 1000
        self._ago = 0
        self.exchange = world.open(clock=lambda: self.now - self._ago)
        self._count = 0

    def at(self, ago_us: int) -> "Scene":
        self._ago = ago_us
        return self

    def ask(self, person: str, judged: dict[str, Any] = ALLOW, name: str = "", **more: Any) -> str:
        """A question of somebody, decided so; its id."""
        self._count += 1
        name = name or f"asked-{self._count}"
        entry = self.world.request(name, **judged | more)
        self._append(Entry(entry.kind, name, 0, "school", person, entry.fields, entry.text))
        return name

    def cut(self, person: str, category: str, action: str = "REFUSE", **more: Any) -> str:
        """An answer that the guard stopped."""
        name = self.ask(person, **more)
        usage = {"prompt_tokens": 5, "completion_tokens": 7}
        fields = {"finish_reason": "content_filter", "windows": 0, "usage": usage}
        judged = {"action": action, "category": category, "score_ppm": 1_000_000}
        self._append(Entry(Kind.answer, name, 1, "school", person, fields | judged, ""))
        return name

    def say(self, kind: Kind, name: str, fields: dict[str, Any], person: str = "") -> None:
        """A record of the control log."""
        (result,) = self.records.log.append([Entry(kind, name, 0, "school", person, fields, actor="test")])
        assert not isinstance(result, Exception), result

    def monitor(self, *options: str) -> Monitor:
        """A monitor over this root; close its outbox before the next one."""
        given = [str(self.world.root), "--outbox", str(self.outbox), *options]
        return monitor.build(monitor._parser().parse_args(given), self.lines.append)

    @property
    def outbox(self) -> Path:
        return self.world.home / "monitor"

    @property
    def lines(self) -> list[str]:
        self.__dict__.setdefault("_lines", [])
        return self.__dict__["_lines"]

    def rows(self, sql: str) -> list[dict[str, Any]]:
        return Asker(self.world.root).ask(sql).to_pylist()

    def alerts(self) -> list[dict[str, Any]]:
        """The alert records, with the person they are about."""
        return self.rows(
            "select a.*, r.subject, r.tenant from alerts a join records r using (origin, idx) order by a.idx"
        )

    def _append(self, entry: Entry) -> None:
        (result,) = self.exchange.append([entry])
        assert not isinstance(result, Exception), result
