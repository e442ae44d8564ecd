"""The web page: what `python -m app.web.build` has put into app/web/dist, read once, served from memory.

A path is looked up among the files that were there at the start and never becomes a file's name, so nothing outside
of the folder can be named. Whatever the API offers comes first.
"""

import gzip
import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from fastapi import FastAPI, Request
from fastapi.responses import HTMLResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from app.contract.routes import PAGES, ROUTES
from app.errors import NotFound

DIST = Path(__file__).resolve().parent / "web" / "dist"
READ = ("GET", "HEAD")
TYPES = {
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".json": "application/json",
    ".webmanifest": "application/manifest+json",
    ".txt": "text/plain; charset=utf-8",
    ".svg": "image/svg+xml",
    ".png": "image/png",
    ".ico": "image/x-icon",
    ".woff2": "font/woff2",
}
"""What is served at all; source maps are not."""

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; font-src 'self'; "
    "connect-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'; "
    "require-trusted-types-for 'script'"
)
"""Content-Security-Policy of the page: its own files and nothing else, no inline script or style."""

FOREVER = "public, max-age=31536000, immutable"  # the names of assets hold their digests
VARIES = "accept, accept-encoding"
EMBED = "/embed/"  # its scripts run in pages of other origins
VIEW = re.compile(r"(/[\w-]+)+", re.ASCII)
RESERVED = frozenset(path.split("/")[1] for path in (*PAGES, *(route.path for route in ROUTES)))
NO_GZIP = re.compile(r"\s*q=0(\.0*)?\s*")
UNBUILT = """<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Preceptor</title></head><body>
<h1>Preceptor</h1><p>The page is not built. Run <code>make web</code>, then start the tutor again.</p>
<p>The interface works without it: <a href="/docs">its routes</a>.</p></body></html>
"""


@dataclass(frozen=True, slots=True)
class File:
    """One file as it is sent; `packed` is its gzip form where that is shorter."""

    body: bytes
    packed: bytes | None
    digest: str
    type: str
    cache: str
    reach: str = "same-origin"

    @classmethod
    def read(cls, path: Path, name: str) -> "File":
        """From disk; raises OSError."""
        body = path.read_bytes()
        packed = gzip.compress(body, mtime=0)
        digest = hashlib.sha256(body).hexdigest()[:32]
        reach = "cross-origin" if name.startswith(EMBED) else "same-origin"
        fewer = packed if len(packed) < len(body) else None
        return cls(body, fewer, digest, TYPES[path.suffix], _cache(name), reach)

    def answer(self, request: Request) -> Response:
        """Whole, packed, or 304 where the client has it (RFC 9110, section 13.1.2)."""
        packs = self.packed is not None and _takes_gzip(request.headers.get("accept-encoding", ""))
        tag = f'"{self.digest}{"-gzip" if packs else ""}"'
        headers = {"cache-control": self.cache, "etag": tag, "vary": VARIES, "content-security-policy": POLICY}
        headers["cross-origin-resource-policy"] = self.reach
        if _has(request.headers.get("if-none-match", ""), tag):
            return Response(status_code=304, headers=headers)
        body = self.packed if packs and self.packed else self.body
        headers |= {"content-length": str(len(body)), "content-type": self.type}
        headers |= {"content-encoding": "gzip"} if packs else {}
        return Response(b"" if request.method == "HEAD" else body, headers=headers)


@dataclass(frozen=True, slots=True)
class Pages:
    """The files by path; none where the page was not built."""

    files: Mapping[str, File]

    @classmethod
    def load(cls, dist: Path) -> "Pages":
        """Read all that is served; raises OSError."""
        found = (path for path in sorted(dist.rglob("*")) if path.is_file() and not path.is_symlink())
        paths = {f"/{path.relative_to(dist).as_posix()}": path for path in found if path.suffix in TYPES}
        return cls({name: File.read(path, name) for name, path in paths.items()})

    def index(self, request: Request) -> Response:
        """The page itself, or a plain one that says how it is built."""
        index = self.files.get("/index.html")
        return index.answer(request) if index else HTMLResponse("" if request.method == "HEAD" else UNBUILT)

    def file(self, path: str, request: Request) -> Response:
        """One file; raises NotFound."""
        if path not in self.files:
            raise NotFound("no such file")
        return self.files[path].answer(request)

    def other(self, request: Request) -> Response | None:
        """A file beside the page, or one of its views when a person goes there; None for what is not the page's."""
        path: str = request.scope["path"]  # of the request line; the URL is made with what the client says of the host
        if request.method not in READ:
            return None
        if path in self.files:
            return self.files[path].answer(request)
        goes = "text/html" in request.headers.get("accept", "")
        ours = VIEW.fullmatch(path) and path.split("/")[1].lower() not in RESERVED
        return self.index(request) if goes and ours else None


def add_pages(app: FastAPI, dist: Path = DIST) -> None:
    """Serve `/`, `/assets/…`, `/embed/…` and, where no route fits, the page's other files and views."""
    pages = Pages.load(dist)

    @app.api_route("/", methods=list(READ), include_in_schema=False)
    async def index(request: Request) -> Response:
        return pages.index(request)

    @app.api_route("/assets/{name}", methods=list(READ), include_in_schema=False)
    async def asset(name: str, request: Request) -> Response:
        return pages.file(f"/assets/{name}", request)

    @app.api_route("/embed/{name}", methods=list(READ), include_in_schema=False)
    async def embedded(name: str, request: Request) -> Response:
        return pages.file(f"{EMBED}{name}", request)

    app.router.default = _falling_back(pages, app.router.default)


def _falling_back(pages: Pages, missing: ASGIApp) -> ASGIApp:
    async def fallback(scope: Scope, receive: Receive, send: Send) -> None:
        found = pages.other(Request(scope)) if scope["type"] == "http" else None
        await (found or missing)(scope, receive, send)

    return fallback


def _cache(name: str) -> str:
    return FOREVER if name.startswith("/assets/") else "no-cache"


def _has(none_match: str, tag: str) -> bool:
    """If-None-Match compares weakly: a `W/` that something on the way added does not count."""
    named = {each.strip().removeprefix("W/") for each in none_match.split(",")}
    return bool({"*", tag} & named)


def _takes_gzip(accepted: str) -> bool:
    """RFC 9110, section 12.5.3, as far as browsers use it."""
    for part in accepted.lower().split(","):
        name, _, weight = part.partition(";")
        if name.strip() == "gzip":
            return NO_GZIP.fullmatch(weight) is None
    return False
