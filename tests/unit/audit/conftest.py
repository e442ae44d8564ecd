"""Real logs in a temporary folder or in an object store, and entries to put into them."""

import contextlib
import io
import json
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest

from audit import init, keys, verify
from audit.log import Log
from audit.record import Entry, Kind
from audit.store import LocalStore, ObjectStore, join_address, open_store

LATER_US = 4_000_000_000_000_000
BUCKET = "preceptor-test"
ALLOWED = {"action": "ALLOW", "category": None, "score_ppm": 1000}
DIGESTS = {name: name[0] * 64 for name in ("model_digest", "guard_digest", "policy_digest", "terms_digest")}


@dataclass
class World:
    """One root with a control and an exchange log: a folder below `home`, or a URL. The keys lie in `home`."""

    home: Path
    url: str | None = None

    @property
    def address(self) -> str | Path:
        return self.url or self.home / "audit"

    @property
    def root(self) -> Path:
        assert self.url is None, "this root is no folder"
        return self.home / "audit"

    @property
    def store(self) -> LocalStore | ObjectStore:
        return open_store(self.address)

    @property
    def keys(self) -> keys.Keys:
        return keys.load(self.home / "keys")

    def open(self, name: str = "exchange-0", **more: Any) -> Log:
        return Log.open(join_address(self.address, name), self.keys, **more)

    def segments(self, name: str = "exchange-0") -> list[Path]:
        return sorted((self.root / name / "seg").iterdir())

    def names(self, folder: str) -> list[str]:
        """Files of a folder of the root, such as `exchange-0/pack`."""
        return self.store.names(folder)

    def files(self) -> dict[str, bytes]:
        """Every file of the root, hidden ones too, by its name."""
        if self.url is None:
            found = [path for path in self.root.rglob("*") if path.is_file()]
            return {str(path.relative_to(self.root)): path.read_bytes() for path in found}
        import obstore

        listed = [item["path"] for batch in obstore.list(self.store._bucket) for item in batch]
        return {name: bytes(self.store.read(name)) for name in listed}

    def put(self, name: str, data: bytes) -> None:
        """What nobody but a test does: put other bytes into a file's place."""
        self.store.delete(name)
        assert self.store.create(name, data)

    def verify(self, *arguments: Any) -> tuple[int, dict[str, Any]]:
        """Exit code and report of the command, which never raises."""
        given = [str(argument) for argument in arguments] or [str(self.address)]
        with contextlib.redirect_stdout(io.StringIO()) as out:
            code = verify.main(given)
        return code, json.loads(out.getvalue())

    @staticmethod
    def request(request_id: str, text: str = "What is XSS?", deadline_us: int | None = None, **more: Any) -> Entry:
        fields = ALLOWED | DIGESTS | {
            "checks": [{"check": "rules", "action": "ALLOW", "category": None, "score_ppm": 0}],
            "client_request_id": None, "stream": True, "role": "learner",
            "params": {"max_tokens": 16, "temperature_ppm": 0, "top_p_ppm": 1_000_000, "seed": None},
            "deadline_us": deadline_us or LATER_US,
        } | more  # fmt: skip
        return Entry(Kind.request, request_id, 0, "school", "ada", fields, text)

    @staticmethod
    def window(request_id: str, n: int, text: str) -> Entry:
        return Entry(Kind.window, request_id, n + 1, "school", "ada", {"n": n} | ALLOWED, text)

    @staticmethod
    def answer(request_id: str, windows: int, text: str) -> Entry:
        usage = {"prompt_tokens": 5, "completion_tokens": 7}
        fields = {"finish_reason": "stop", "windows": windows, "usage": usage} | ALLOWED
        return Entry(Kind.answer, request_id, windows + 1, "school", "ada", fields, text)

    def exchange(self, request_id: str, *pieces: str) -> list[Entry]:
        windows = [self.window(request_id, n, piece) for n, piece in enumerate(pieces)]
        return [self.request(request_id), *windows, self.answer(request_id, len(pieces), "".join(pieces))]


@dataclass
class S3:
    """moto's S3 server, one request at a time: it looks for an object and stores it in two steps.

    `meddle`, if set, answers in its place: it gets the request and what carries it out.
    """

    app: Callable[..., Any]
    port: int = 0
    meddle: Callable[[dict[str, Any], Callable[[], Any], Any], Any] | None = None
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Any:
        with self._lock:
            if self.meddle is None:
                return list(self.app(environ, start_response))
            return self.meddle(environ, lambda: list(self.app(environ, start_response)), start_response)


@pytest.fixture(scope="session")
def s3_server() -> Iterator[S3]:
    from moto.server import DomainDispatcherApplication, create_backend_app
    from werkzeug.serving import WSGIRequestHandler, make_server

    class Quiet(WSGIRequestHandler):
        def log_request(self, *_: Any) -> None:
            pass

    app = S3(DomainDispatcherApplication(create_backend_app))
    server = make_server("127.0.0.1", 0, app, threaded=True, request_handler=Quiet)
    app.port = server.server_port
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    httpx.put(f"http://127.0.0.1:{app.port}/{BUCKET}", trust_env=False).raise_for_status()
    yield app
    server.shutdown()
    thread.join()


@pytest.fixture
def s3(s3_server: S3, monkeypatch: pytest.MonkeyPatch) -> Iterator[S3]:
    """The server, and the environment in which an object store is found there."""
    environment = {
        "AWS_ENDPOINT_URL": f"http://127.0.0.1:{s3_server.port}", "AWS_ALLOW_HTTP": "true", "NO_PROXY": "127.0.0.1",
        "AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test", "AWS_REGION": "us-east-1",
    }  # fmt: skip
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    yield s3_server
    s3_server.meddle = None


@pytest.fixture
def url(s3: S3) -> str:
    """An empty place in a bucket."""
    return f"s3://{BUCKET}/{uuid4()}/audit"


@pytest.fixture
def begin(tmp_path: Path) -> Callable[[str | None], World]:
    """Begins a root, in a folder or at a URL."""

    def made(url: str | None) -> World:
        world = World(tmp_path, url)
        init.begin(world.address, tmp_path / "keys", "test", 1)
        return world

    return made


@pytest.fixture
def world(request: pytest.FixtureRequest, begin: Callable[[str | None], World]) -> World:
    """A root that has begun: in a folder, or where the test is parametrized with "s3", in a bucket."""
    where = getattr(request, "param", "local")
    return begin(None if where == "local" else request.getfixturevalue("url"))
