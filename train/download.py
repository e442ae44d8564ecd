"""Fetches one file over HTTP: resumable, conditional, checked, bounded. Knows no source and no feed.

Beside the file lies what is known of it (`.fetch.json`: validators of RFC 9110, digest); beside a half one (`.part`)
what it is half of. Nothing the server says becomes a path.
"""

import hashlib
import json
import random
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from urllib.parse import urljoin, urlsplit

import requests
from urllib3.exceptions import HTTPError

from train.errors import DownloadError

_CHUNK = 1 << 18
_AGAIN = frozenset({408, 425, 429, 500, 502, 503, 504})

Report = Callable[[int, int], None]
"""Told the bytes so far, and of how many; 0 where the server does not say."""


@dataclass(frozen=True, slots=True)
class Patience:
    """How long to try. Seconds, bytes."""

    tries: int = 6
    first_wait: float = 1.0
    longest_wait: float = 120.0
    timeout: float = 30.0
    redirects: int = 5
    most: int = 8 << 30
    plain: bool = False  # whether http without TLS is allowed, for servers of one's own


@dataclass(frozen=True, slots=True)
class Fetched:
    """A file that is there and whole. changed: other than at the last fetch."""

    path: Path
    sha256: str
    changed: bool


@dataclass(frozen=True, slots=True)
class _Known:
    """What was said of a file when it was fetched; of a half one, without digest."""

    url: str
    etag: str = ""
    modified: str = ""
    sha256: str = ""

    @property
    def validator(self) -> str:
        """What If-Range takes: a strong ETag, else the date (RFC 9110, section 13.1.5)."""
        return self.etag if self.etag and not self.etag.startswith("W/") else self.modified


class _Again(Exception):
    """Not now; after: seconds that the server asks for."""

    def __init__(self, reason: str, after: float = 0.0) -> None:
        super().__init__(reason)
        self.after = after


def fetch(
    url: str,
    target: Path,
    expected: str | None = None,
    *,
    patience: Patience | None = None,
    report: Report = lambda _done, _all: None,
    sleep: Callable[[float], None] = time.sleep,
) -> Fetched:
    """Bring `target` up to date with `url`. expected: the SHA-256 that the file must have.

    Raises DownloadError, which names the address; what is there of the file stays for the next call.
    """
    patience = patience or Patience()
    target.parent.mkdir(parents=True, exist_ok=True)
    reason, progress = "", -1
    tried = 0
    with requests.Session() as session:
        while tried < patience.tries:
            try:
                return _Attempt(session, url, target, expected, patience, report).run()
            except _Again as again:
                reason, asked = str(again), again.after
            except (requests.RequestException, HTTPError) as error:
                reason, asked = f"{type(error).__name__}: {error}"[:300], 0.0
            here = _size(_part(target))
            tried = 0 if here > progress >= 0 else tried + 1  # bytes came: that was no failure
            progress = max(here, progress)
            grown = patience.first_wait * 2 ** max(tried - 1, 0) * (0.5 + random.random())  # noqa: S311 - jitter
            sleep(min(max(grown, asked), patience.longest_wait))
    raise DownloadError(f"{url}: given up after {patience.tries} tries: {reason}")


def _part(target: Path) -> Path:
    return target.with_name(f"{target.name}.part")


def _size(path: Path) -> int:
    return path.stat().st_size if path.is_file() else 0


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _read(path: Path, url: str) -> _Known | None:
    """What is known beside a file, if it is about this address and readable."""
    try:
        found = _Known(**json.loads(path.with_name(f"{path.name}.fetch.json").read_text()))
    except (OSError, ValueError, TypeError):
        return None
    return found if found.url == url else None


def _write(path: Path, known: _Known) -> None:
    path.with_name(f"{path.name}.fetch.json").write_text(json.dumps(asdict(known)))


class _Attempt:
    """One conversation with the server."""

    def __init__(
        self,
        session: requests.Session,
        url: str,
        target: Path,
        expected: str | None,
        patience: Patience,
        report: Report,
    ) -> None:
        self.session, self.url, self.target, self.expected = session, url, target, expected
        self.patience, self.report = patience, report
        self.part = _part(target)

    def run(self) -> Fetched:
        """The file, or why not."""
        whole, half = _read(self.target, self.url), _read(self.part, self.url)
        if whole and (not self.target.is_file() or _sha256(self.target) != whole.sha256):
            whole = None  # missing or altered: what the server thinks we have does not matter
        start = _size(self.part) if half and half.validator else 0
        headers = {"Accept-Encoding": "identity", "User-Agent": "preceptor-ingest"}
        if start and half:
            headers |= {"Range": f"bytes={start}-", "If-Range": half.validator}
        elif whole:
            headers |= {"If-None-Match": whole.etag} if whole.etag else {"If-Modified-Since": whole.modified}
        with self._get(self.url, headers) as response:
            if response.status_code == 304 and whole:
                return Fetched(self.target, whole.sha256, changed=False)
            return self._take(response, start, whole)

    def _get(self, url: str, headers: dict[str, str]) -> requests.Response:
        for _ in range(self.patience.redirects + 1):
            scheme = urlsplit(url).scheme
            if scheme != "https" and not (scheme == "http" and self.patience.plain):
                raise DownloadError(f"{self.url}: expected https, got {url[:200]}")
            response = self.session.get(
                url, headers=headers, stream=True, timeout=self.patience.timeout, allow_redirects=False
            )
            if not response.is_redirect:
                return response
            url = urljoin(url, response.headers["Location"])
            response.close()
        raise DownloadError(f"{self.url}: expected at most {self.patience.redirects} redirects, got more")

    def _take(self, response: requests.Response, start: int, whole: _Known | None) -> Fetched:
        status = response.status_code
        if status == 416:  # the file is shorter now than what we have of it
            self.part.unlink(missing_ok=True)
            raise _Again("416: the part was dropped")
        if status in _AGAIN:
            raise _Again(f"HTTP {status}", _seconds(response.headers.get("Retry-After", "")))
        resumed = status == 206 and response.headers.get("Content-Range", "").startswith(f"bytes {start}-")
        if status == 206 and not resumed:
            self.part.unlink(missing_ok=True)
            raise _Again("206: another range than asked for")
        if status not in (200, 206):
            raise DownloadError(f"{self.url}: expected 200, got HTTP {status}")
        known = _Known(self.url, response.headers.get("ETag", ""), response.headers.get("Last-Modified", ""))
        if not resumed:
            _write(self.part, known)
        self._save(response, start if resumed else 0)
        return self._finish(known, whole)

    def _save(self, response: requests.Response, start: int) -> None:
        said = response.headers.get("Content-Length", "")
        total = start + int(said) if said.isdigit() else 0
        done = start
        if total > self.patience.most:
            raise DownloadError(f"{self.url}: expected at most {self.patience.most} bytes, got {total}")
        with self.part.open("ab" if start else "wb") as file:
            # what has come is kept when the connection is cut; iter_content would lose up to a chunk of it
            while chunk := response.raw.read1(_CHUNK):
                done += len(chunk)
                if done > self.patience.most:
                    raise DownloadError(f"{self.url}: expected at most {self.patience.most} bytes, got more")
                file.write(chunk)
                self.report(done, total)
        if total and done != total:
            raise _Again(f"expected {total} bytes, got {done}")

    def _finish(self, known: _Known, whole: _Known | None) -> Fetched:
        digest = _sha256(self.part)
        if self.expected and digest != self.expected:
            aside = self.target.with_name(f"{self.target.name}.refused")
            self.part.replace(aside)
            raise DownloadError(f"{self.url}: expected SHA-256 {self.expected}, got {digest}; kept as {aside.name}")
        self.part.replace(self.target)
        self.part.with_name(f"{self.part.name}.fetch.json").unlink(missing_ok=True)
        _write(self.target, _Known(known.url, known.etag, known.modified, digest))
        return Fetched(self.target, digest, changed=whole is None or whole.sha256 != digest)


def _seconds(said: str) -> float:
    return float(said) if said.isdigit() else 0.0
