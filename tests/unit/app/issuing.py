"""A foreign issuer for tests: real keys, and a real HTTP server on a loopback port that serves and counts."""

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey, generate_private_key

AUDIENCE = "preceptor-api"


def rsa(bits: int = 2048) -> RSAPrivateKey:
    return generate_private_key(65537, bits)


def jwk(private: Any, kid: str, **more: Any) -> dict[str, Any]:
    """The public half, as an issuer publishes it."""
    public = private.public_key()
    known = ((RSAPublicKey, "RS256"), (EllipticCurvePublicKey, "ES256"), (Ed25519PublicKey, "EdDSA"))
    (algorithm,) = (name for kind, name in known if isinstance(public, kind))
    made = jwt.get_algorithm_by_name(algorithm).to_jwk(public, as_dict=True)
    return made | {"kid": kid, "use": "sig"} | more


Answer = tuple[int, dict[str, str], bytes]


@dataclass(frozen=True)
class Asked:
    """One request to an issuer."""

    method: str
    path: str
    authorization: str | None = None
    body: bytes = b""


@dataclass
class IdP:
    """What it serves at /jwks, how often it was asked, and tokens of its making."""

    url: str = ""
    keys: list[dict[str, Any]] = field(default_factory=list)
    private: RSAPrivateKey = field(default_factory=rsa)
    asked: list[str] = field(default_factory=list)
    pages: dict[str, bytes] = field(default_factory=dict)
    status: int = 200
    delay_s: float = 0.0
    location: str | None = None

    def __post_init__(self) -> None:
        self.keys = [jwk(self.private, "one")]

    def claims(self, **more: Any) -> dict[str, Any]:
        now = int(time.time())
        claims = {"iss": self.url, "sub": "ada", "aud": AUDIENCE, "iat": now, "exp": now + 300} | more
        return {name: value for name, value in claims.items() if value is not None}

    def token(self, *, key: Any = None, alg: str = "RS256", header: dict[str, Any] | None = None, **more: Any) -> str:
        """A token; a claim of None is left out."""
        headers = {"kid": "one"} | (header or {})
        return jwt.encode(self.claims(**more), key or self.private, algorithm=alg, headers=headers)

    def page(self, path: str) -> bytes | None:
        return json.dumps({"keys": self.keys}).encode() if path == "/jwks" else self.pages.get(path)

    def answer(self, asked: Asked) -> Answer:
        page = self.page(asked.path)
        moved = {"Location": self.location} if self.location else {}
        return 404 if page is None else self.status, moved, page or b""


@contextmanager
def serving(idp: IdP, port: int = 0) -> Iterator[IdP]:
    """The issuer's server, on a port of its own or on this one again."""

    class Pages(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            idp.asked.append(self.path)
            time.sleep(idp.delay_s)
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            asked = Asked(self.command, self.path, self.headers.get("Authorization"), body)
            status, headers, page = idp.answer(asked)
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(page)))
            self.end_headers()
            self.wfile.write(page)

        do_POST = do_GET  # noqa: N815

        def log_message(self, *_: Any) -> None:
            pass

    class Server(ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, *_: Any) -> None:
            """A client that gave up is what some tests are about."""

    server = Server(("127.0.0.1", port), Pages)
    idp.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield idp
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
