"""Fetches one file over HTTP: resumable, conditional, checked, bounded. Knows no source and no feed.

A half file is called `.part`; what is known of both lies beside them, see `train.fetch_state`. Nothing the server says
becomes a path.
"""

import email.utils
import fcntl
import os
import random
import re
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO
from urllib.parse import urljoin

import requests
import urllib3

from train import fetch_state
from train.errors import DownloadError
from train.fetch_state import Known

_CHUNK = 1 << 18
_AGAIN = frozenset({408, 425, 429, 500, 502, 503, 504})
_TRANSIENT = (requests.ConnectionError, requests.Timeout, urllib3.exceptions.HTTPError)
_PROGRESS = 1 << 20  # bytes since the last failure that make the next one the first again

Report = Callable[[int, int], None]
"""Told the bytes so far, and of how many; 0 where the server does not say."""


@dataclass(frozen=True, slots=True)
class Patience:
    """How long to try, and the most to take. Seconds, bytes."""

    tries: int = 6
    first_wait: float = 1.0
    longest_wait: float = 300.0
    timeout: float = 60.0  # for a connection, and for each read
    window: float = 60.0  # in which at least so many bytes must come
    least: int = 6000
    redirects: int = 5
    most: int = 8 << 30
    plain: bool = False  # whether http without TLS is allowed, for servers of one's own


@dataclass(frozen=True, slots=True)
class Fetched:
    """A file that is there and whole. changed: other than at the last fetch."""

    path: Path
    sha256: str
    changed: bool
    etag: str = ""
    modified: str = ""


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
    with _alone(target.parent), _Session() as session:
        attempt = _Attempt(session, url, target, expected, patience, report)
        failures, had = 0, fetch_state.size(attempt.part)
        while True:
            try:
                return attempt.run()
            except requests.exceptions.SSLError as error:  # trying again does not make a certificate valid
                raise DownloadError(f"{url}: {error}") from error
            except (_Again, *_TRANSIENT) as error:
                reason, asked = f"{type(error).__name__.strip('_')}: {error}"[:300], getattr(error, "after", 0.0)
            except requests.RequestException as error:
                raise DownloadError(f"{url}: {type(error).__name__}: {error}"[:500]) from error
            here = fetch_state.size(attempt.part)
            failures, had = 1 if here - had >= _PROGRESS else failures + 1, here
            if failures >= patience.tries:
                raise DownloadError(f"{url}: given up after {failures} tries: {reason}")
            if asked > patience.longest_wait:
                raise DownloadError(f"{url}: {reason}: the server asks to come back in {asked:.0f} s")
            grown = patience.first_wait * 2 ** (failures - 1) * (0.5 + random.random())  # noqa: S311 - jitter
            sleep(max(min(grown, patience.longest_wait), asked))


class _Session(requests.Session):
    def get_redirect_target(self, resp: requests.Response) -> str | None:
        """None: redirects are followed below, where each step is checked and no body is read."""
        del resp
        return None


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Two processes that wrote one part would spoil it."""
    held = os.open(folder, os.O_RDONLY)
    try:
        try:
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise DownloadError(f"{folder}: expected to be alone, but another process is fetching there") from error
        yield
    finally:
        os.close(held)


@dataclass(frozen=True, slots=True)
class _Attempt:
    """One conversation with the server."""

    session: requests.Session
    url: str
    target: Path
    expected: str | None
    patience: Patience
    report: Report

    @property
    def part(self) -> Path:
        """Where the half file lies."""
        return self.target.with_name(f"{self.target.name}.part")

    def run(self) -> Fetched:
        """The file, or why not."""
        whole = self._whole()
        if whole and self.expected == whole.sha256:
            return Fetched(self.target, whole.sha256, False, whole.etag, whole.modified)
        half = fetch_state.read(self.part, self.url)
        if half and not (half.validator and fetch_state.size(self.part)):
            half = None  # nothing says that the rest would belong to it
        headers = {"Accept-Encoding": "identity", "User-Agent": "preceptor-ingest"}
        if half:
            headers |= {"Range": f"bytes={fetch_state.size(self.part)}-", "If-Range": half.validator}
        elif whole and not self.expected:
            headers |= whole.conditions
        with self._get(headers) as response:
            if response.status_code == 304 and whole:
                return Fetched(self.target, whole.sha256, False, whole.etag, whole.modified)
            return self._take(response, half, whole)

    def _whole(self) -> Known | None:
        """What is known of the file, unless it is missing or was altered: then it does not matter."""
        known = fetch_state.read(self.target, self.url)
        return known if known and self.target.is_file() and fetch_state.sha256(self.target) == known.sha256 else None

    def _get(self, headers: dict[str, str]) -> requests.Response:
        url, plain = self.url, self.patience.plain
        for _ in range(self.patience.redirects + 1):
            scheme = url.partition(":")[0].lower()
            if scheme != "https" and not (scheme == "http" and plain):
                raise DownloadError(f"{self.url}: expected https, got {url[:200]}")
            plain = plain and scheme == "http"  # once encrypted, never in the clear again
            response = self.session.get(
                url, headers=headers, stream=True, timeout=self.patience.timeout, allow_redirects=False
            )
            if not response.is_redirect:
                return response
            url = self._next(url, response)
            response.close()
        raise DownloadError(f"{self.url}: expected at most {self.patience.redirects} redirects, got more")

    def _next(self, url: str, response: requests.Response) -> str:
        where: str = response.headers["Location"]
        try:
            return urljoin(url, where)
        except ValueError as error:
            raise DownloadError(f"{self.url}: expected a redirect to an address, got {where[:200]!r}") from error

    def _take(self, response: requests.Response, half: Known | None, whole: Known | None) -> Fetched:
        status, said = response.status_code, response.headers
        if status in _AGAIN:
            raise _Again(f"HTTP {status}", _seconds(said.get("Retry-After", "")))
        start = fetch_state.size(self.part) if half else 0
        resumed = half is not None and status == 206 and _continues(said, start, half)
        if half and status in (206, 416) and not resumed:  # another range, another file, or a shorter one
            self.part.unlink(missing_ok=True)
            raise _Again(f"HTTP {status}: not the rest of what is here, which was dropped")
        if status != 200 and not resumed:
            raise DownloadError(f"{self.url}: expected 200, got HTTP {status}")
        encoding = said.get("Content-Encoding", "identity")
        if encoding != "identity" and not self.target.name.endswith(".gz"):
            raise DownloadError(f"{self.url}: expected the bytes as published, got them in {encoding[:40]}")
        known = Known(self.url, said.get("ETag", ""), said.get("Last-Modified", ""))
        if half is None or not resumed:
            start = 0
            self.part.unlink(missing_ok=True)  # before the note, so that no note is about other bytes
            fetch_state.write(self.part, known)
        self._save(response, start)
        return self._finish(half if half and resumed else known, whole)

    def _save(self, response: requests.Response, start: int) -> None:
        said = response.headers.get("Content-Length", "")
        told = re.fullmatch(r"\d{1,30}", said)
        if not told and "chunked" not in response.headers.get("Transfer-Encoding", ""):
            raise _Again("expected a length or chunks, got neither: a cut connection would look like the end")
        total = start + int(said) if told else 0
        self._bounded(total)
        with self.part.open("ab" if start else "wb") as file:
            done = self._copy(response.raw, file, start, total)
            file.flush()
            os.fsync(file.fileno())
        if total and done != total:
            raise _Again(f"expected {total} bytes, got {done}")

    def _copy(self, stream: urllib3.BaseHTTPResponse, file: IO[bytes], done: int, total: int) -> int:
        since, then = done, time.monotonic()
        while chunk := stream.read1(_CHUNK, decode_content=False):
            done += len(chunk)
            self._bounded(done)
            file.write(chunk)
            self.report(done, total)
            if time.monotonic() - then > self.patience.window:
                if done - since < self.patience.least:
                    raise _Again(f"expected {self.patience.least} bytes in a while, got {done - since}")
                since, then = done, time.monotonic()
        return done

    def _bounded(self, size: int) -> None:
        if size > self.patience.most:
            self.part.unlink(missing_ok=True)
            raise DownloadError(f"{self.url}: expected at most {self.patience.most} bytes, got {size} or more")

    def _finish(self, known: Known, whole: Known | None) -> Fetched:
        digest = fetch_state.sha256(self.part)
        if self.expected and digest != self.expected:
            aside = self.target.with_name(f"{self.target.name}.refused")
            self.part.replace(aside)
            fetch_state.drop(self.part)
            raise DownloadError(f"{self.url}: expected SHA-256 {self.expected}, got {digest}; kept as {aside.name}")
        self.part.replace(self.target)
        fetch_state.drop(self.part)
        fetch_state.write(self.target, Known(known.url, known.etag, known.modified, digest))
        changed = whole is None or whole.sha256 != digest
        return Fetched(self.target, digest, changed, known.etag, known.modified)


def _continues(said: Mapping[str, str], start: int, half: Known) -> bool:
    """Whether a 206 has all that the half file lacks, and is about the same file."""
    span = re.fullmatch(r"bytes (\d{1,18})-(\d{1,18})/(\d{1,18})", said.get("Content-Range", ""))
    whole = span is not None and int(span[1]) == start and int(span[2]) + 1 == int(span[3])
    return whole and said.get("ETag", half.etag) == half.etag


def _seconds(said: str) -> float:
    """Retry-After: seconds, or a date."""
    if said.isdecimal():
        return float(said)
    try:
        return max(email.utils.parsedate_to_datetime(said).timestamp() - time.time(), 0.0)
    except (ValueError, OverflowError):
        return 0.0
