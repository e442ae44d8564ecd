"""A real HTTP server that does what servers do: ranges, validators, 503, cut connections, lies."""

import datetime
import ipaddress
import ssl
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

BODY = bytes(range(256)) * 4000


@dataclass
class Script:
    """What the server does with the next requests, one entry each; the last one stays. files: bodies by path."""

    body: bytes = BODY
    etag: str = '"one"'
    modified: str = ""
    acts: list[str] = field(default_factory=lambda: ["serve"])
    files: dict[str, bytes] = field(default_factory=dict)
    seen: list[dict[str, str]] = field(default_factory=list)
    paths: list[str] = field(default_factory=list)
    address: str = ""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    script: Script

    def log_message(self, *_: object) -> None:
        """Say nothing."""

    def do_GET(self) -> None:
        script = self.script
        script.seen.append({name.lower(): value for name, value in self.headers.items()})
        script.paths.append(self.path)
        self.body, self.etag = script.body, script.etag
        if script.files:
            name = self.path.partition("#")[0]
            if name not in script.files:
                self._head(404, 0)
                return
            self.body = script.files[name]
            self.etag = f'"{hash(self.body)}"'
        act = script.acts.pop(0) if len(script.acts) > 1 else script.acts[0]
        getattr(self, f"_{act.split()[0]}")(*act.split()[1:])

    def _head(self, status: int, length: int | None, **more: str) -> None:
        self.send_response(status)
        told = {"ETag": getattr(self, "etag", ""), "Last-Modified": self.script.modified} | more
        if length is not None:
            told["Content-Length"] = str(length)
        for name, value in told.items():
            if value:
                self.send_header(name.replace("_", "-"), value)
        self.end_headers()

    def _serve(self, cut: str = "") -> None:
        asked = self.headers
        if (self.etag and asked.get("If-None-Match") == self.etag) or (
            not self.etag and self.script.modified and asked.get("If-Modified-Since") == self.script.modified
        ):
            self._head(304, 0)
            return
        start, size = 0, len(self.body)
        if asked.get("Range") and asked.get("If-Range") in (self.etag or None, self.script.modified or None):
            start = int(asked["Range"].removeprefix("bytes=").rstrip("-"))
            if start >= size:
                self._head(416, 0, Content_Range=f"bytes */{size}")
                return
        data = self.body[start:]
        more = {"Content_Range": f"bytes {start}-{size - 1}/{size}"} if start else {}
        self._head(206 if start else 200, len(data), **more)
        self.wfile.write(data[: int(cut)] if cut else data)
        if cut:
            self.close_connection = True

    def _whole(self) -> None:
        """Ranges are ignored."""
        self._head(200, len(self.body))
        self.wfile.write(self.body)

    def _chunked(self, cut: str = "") -> None:
        """The length is not told, as with archives that are packed while they are sent."""
        self._head(200, None, Transfer_Encoding="chunked")
        for start in range(0, len(self.body), 100_000):
            part = self.body[start : start + 100_000]
            if cut and start >= int(cut):
                self.close_connection = True
                return
            self.wfile.write(f"{len(part):x}\r\n".encode() + part + b"\r\n")
        self.wfile.write(b"0\r\n\r\n")

    def _lying(self, said: str) -> None:
        """Says another length than it sends."""
        self._head(200, int(said))
        self.wfile.write(self.body)
        self.close_connection = True

    def _slow(self, wait: str) -> None:
        """A byte now and then."""
        self._head(200, len(self.body))
        for k in range(20):
            self.wfile.write(self.body[k : k + 1])
            self.wfile.flush()
            time.sleep(float(wait))
        self.close_connection = True

    def _zipped(self) -> None:
        self._head(200, len(self.body), Content_Encoding="gzip")
        self.wfile.write(self.body)

    def _status(self, code: str, *after: str) -> None:
        self._head(int(code), 0, Retry_After=" ".join(after))

    def _to(self, where: str) -> None:
        self._head(302, 0, Location=where)

    def _elsewhere(self, start: str = "7") -> None:
        """A range that was not asked for."""
        self._head(206, 5, Content_Range=f"bytes {start}-{int(start) + 4}/{int(start) + 5}")
        self.wfile.write(b"wrong")

    def _less(self) -> None:
        """Less than was asked for, in the right place: that is allowed, but it is not the rest."""
        start = int(self.headers["Range"].removeprefix("bytes=").rstrip("-"))
        self._head(206, 10, Content_Range=f"bytes {start}-{start + 9}/{len(self.body)}")
        self.wfile.write(self.body[start : start + 10])

    def _torn(self) -> None:
        """The connection is cut between two headers."""
        self.send_response(200)
        self.flush_headers()
        self.close_connection = True

    def _other(self) -> None:
        """The range that was asked for, of another file, whatever If-Range says."""
        start, size = int(self.headers["Range"].removeprefix("bytes=").rstrip("-")), len(self.body)
        self._head(206, size - start, ETag='"other"', Content_Range=f"bytes {start}-{size - 1}/{size}")
        self.wfile.write(self.body[start:])


def certificate(folder: Path) -> Path:
    """A key and a certificate of its own for 127.0.0.1, in one file."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.datetime.now(datetime.UTC)
    end = datetime.datetime(2100, 1, 1, tzinfo=datetime.UTC)
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number(), now, end)
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    plain = serialization.NoEncryption()
    pem = serialization.Encoding.PEM
    path = folder / "server.pem"
    path.write_bytes(key.private_bytes(pem, serialization.PrivateFormat.PKCS8, plain) + made.public_bytes(pem))
    return path


@contextmanager
def serving(script: Script, certified: Path | None = None) -> Iterator[Script]:
    """Serve on a free port, with TLS if there is a certificate; script.address is where."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Scripted", (_Handler,), {"script": script}))
    server.daemon_threads = True
    server.handle_error = lambda *_: None  # type: ignore[method-assign]  # clients that leave early are no news
    if certified:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certified)
        server.socket = context.wrap_socket(server.socket, server_side=True)
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    script.address = f"{'https' if certified else 'http'}://127.0.0.1:{server.server_port}"
    try:
        yield script
    finally:
        server.shutdown()
        server.server_close()
