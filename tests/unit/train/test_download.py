"""A real server that does what servers do: ranges, validators, 503, cut connections, lies. The file comes whole."""

import hashlib
import json
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from train import releases
from train.download import Fetched, Patience, fetch
from train.errors import DownloadError
from train.releases import Asset

BODY = bytes(range(256)) * 4000
QUICK = Patience(tries=4, first_wait=0.001, timeout=2.0, plain=True)


@dataclass
class Script:
    """What the server does with the next requests, one entry each; the last one stays."""

    body: bytes = BODY
    etag: str = '"one"'
    acts: list[str] = field(default_factory=lambda: ["serve"])
    seen: list[dict[str, str]] = field(default_factory=list)


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    script: Script

    def log_message(self, *_: object) -> None:
        """Say nothing."""

    def do_GET(self) -> None:
        self.script.seen.append({name.lower(): value for name, value in self.headers.items()})
        act = self.script.acts.pop(0) if len(self.script.acts) > 1 else self.script.acts[0]
        getattr(self, f"_{act.split()[0]}")(*act.split()[1:])

    def _head(self, status: int, length: int, **more: str) -> None:
        self.send_response(status)
        for name, value in ({"ETag": self.script.etag, "Content-Length": str(length)} | more).items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()

    def _serve(self, cut: str = "") -> None:
        if self.headers.get("If-None-Match") == self.script.etag:
            self._head(304, 0)
            return
        start, asked = 0, self.headers.get("Range")
        if asked and self.headers.get("If-Range") == self.script.etag:
            start = int(asked.removeprefix("bytes=").rstrip("-"))
            if start >= len(self.script.body):
                self._head(416, 0)
                return
        data = self.script.body[start:]
        more = {"Content_Range": f"bytes {start}-{len(self.script.body) - 1}/{len(self.script.body)}"} if start else {}
        self._head(206 if start else 200, len(data), **more)
        self.wfile.write(data[: int(cut)] if cut else data)
        if cut:
            self.close_connection = True

    def _whole(self) -> None:
        self._head(200, len(self.script.body))
        self.wfile.write(self.script.body)

    def _status(self, code: str, after: str = "") -> None:
        self._head(int(code), 0, **({"Retry_After": after} if after else {}))

    def _to(self, where: str) -> None:
        self._head(302, 0, Location=where)

    def _endless(self) -> None:
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"x" * 500_000)
        self.close_connection = True

    def _elsewhere(self) -> None:
        self._head(206, 5, Content_Range="bytes 7-11/12")
        self.wfile.write(b"wrong")


@pytest.fixture
def served() -> Iterator[tuple[Script, str]]:
    script = Script()
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Scripted", (Handler,), {"script": script}))
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    yield script, f"http://127.0.0.1:{server.server_port}/feed?x=../../escaped"
    server.shutdown()
    server.server_close()


def brought(url: str, target: Path, patience: Patience = QUICK, expected: str | None = None) -> Fetched:
    waits: list[float] = []
    return fetch(url, target, expected, patience=patience, sleep=waits.append)


def test_a_file_comes_once_and_then_only_when_it_changed(served: tuple[Script, str], tmp_path: Path) -> None:
    script, url = served
    target = tmp_path / "feed"
    assert brought(url, target).changed
    assert target.read_bytes() == BODY
    assert not brought(url, target).changed
    assert script.seen[-1]["if-none-match"] == '"one"'
    script.body, script.etag = b"newer", '"two"'
    assert brought(url, target).changed
    assert target.read_bytes() == b"newer"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["feed", "feed.fetch.json"]


def test_a_file_altered_here_is_fetched_again(served: tuple[Script, str], tmp_path: Path) -> None:
    script, url = served
    target = tmp_path / "feed"
    brought(url, target)
    target.write_bytes(b"altered")
    assert brought(url, target).changed
    assert "if-none-match" not in script.seen[-1]
    assert target.read_bytes() == BODY


def test_cut_connections_are_gone_on_from_where_they_were_cut(served: tuple[Script, str], tmp_path: Path) -> None:
    script, url = served
    script.acts = [f"serve {n}" for n in (1000, 70_000, 5, 300_000, 1, 1)] + ["serve"]
    assert brought(url, tmp_path / "feed").sha256 == hashlib.sha256(BODY).hexdigest()
    starts = [int(seen["range"][6:-1]) for seen in script.seen if "range" in seen]
    assert starts == sorted(starts)
    assert starts[0] == 1000


def test_a_later_call_goes_on_with_the_part(served: tuple[Script, str], tmp_path: Path) -> None:
    script, url = served
    script.acts = ["serve 200000", "status 503"]
    with pytest.raises(DownloadError, match="given up after 4 tries: HTTP 503"):
        brought(url, tmp_path / "feed")
    assert not (tmp_path / "feed").exists()
    script.acts = ["serve"]
    brought(url, tmp_path / "feed")
    assert script.seen[-1]["range"] == "bytes=200000-"
    assert (tmp_path / "feed").read_bytes() == BODY


@pytest.mark.parametrize("then", ["serve", "whole", "elsewhere"])
def test_a_changed_or_unwilling_server_starts_over(then: str, served: tuple[Script, str], tmp_path: Path) -> None:
    script, url = served
    script.acts = ["serve 1000", "status 503", "status 503", "status 503", "status 503"]
    with pytest.raises(DownloadError):
        brought(url, tmp_path / "feed")
    script.acts = [then, "serve"]
    if then == "serve":
        script.body, script.etag = BODY[::-1], '"two"'
    brought(url, tmp_path / "feed")
    assert (tmp_path / "feed").read_bytes() == script.body


def test_a_file_that_shrank_below_the_part_starts_over(served: tuple[Script, str], tmp_path: Path) -> None:
    script, url = served
    script.acts = ["serve 900000", "status 500"]
    with pytest.raises(DownloadError):
        brought(url, tmp_path / "feed")
    script.body, script.acts = b"short", ["serve"]
    brought(url, tmp_path / "feed")
    assert (tmp_path / "feed").read_bytes() == b"short"


def test_it_waits_as_long_as_it_is_asked_to_within_reason(served: tuple[Script, str], tmp_path: Path) -> None:
    script, url = served
    script.acts = ["status 503 7", "status 429 86400", "serve"]
    waits: list[float] = []
    fetch(url, tmp_path / "feed", patience=QUICK, sleep=waits.append)
    assert waits == [7.0, 120.0]


@pytest.mark.parametrize(
    ("acts", "said"),
    [
        (["status 404"], "expected 200, got HTTP 404"),
        (["status 403"], "expected 200, got HTTP 403"),
        (["to /again"], "at most 5 redirects"),
        (["to ftp://127.0.0.1/x"], "expected https, got ftp"),
        (["to file:///etc/passwd"], "expected https, got file"),
        (["endless"], "at most 100000 bytes"),
        (["serve"], "at most 100000 bytes, got 1024000"),
    ],
)
def test_what_cannot_be_had_ends_at_once_and_says_where(
    acts: list[str], said: str, served: tuple[Script, str], tmp_path: Path
) -> None:
    script, url = served
    script.acts = acts
    patience = Patience(tries=4, timeout=2.0, plain=True, most=100_000)
    with pytest.raises(DownloadError, match=said) as caught:
        brought(url, tmp_path / "feed", patience)
    assert url in str(caught.value)
    assert not (tmp_path / "feed").exists()


def test_a_wrong_digest_is_put_aside_and_never_used(served: tuple[Script, str], tmp_path: Path) -> None:
    _, url = served
    with pytest.raises(DownloadError, match="expected SHA-256 0000"):
        brought(url, tmp_path / "feed", expected="0" * 64)
    assert [path.name for path in tmp_path.iterdir() if path.suffix == ".refused"] == ["feed.refused"]
    assert not (tmp_path / "feed").exists()
    assert brought(url, tmp_path / "feed", expected=hashlib.sha256(BODY).hexdigest()).changed


def test_plain_http_is_refused_unless_allowed(served: tuple[Script, str], tmp_path: Path) -> None:
    with pytest.raises(DownloadError, match="expected https"):
        brought(served[1], tmp_path / "feed", Patience(tries=1))


def assets(*names: str) -> list[Asset]:
    return [Asset(name, f"https://example.com/{name}") for name in names]


RELEASES = assets(
    "2024-10-26_delta_CVEs_at_0400Z.zip", "2024-10-26_all_CVEs_at_midnight.zip.zip",
    "2024-10-26_delta_CVEs_at_0300Z.zip",
    "2024-10-25_delta_CVEs_at_end_of_day.zip", "2024-10-25_delta_CVEs_at_2300Z.zip",
    "2024-10-25_all_CVEs_at_midnight.zip.zip", "2024-10-24_delta_CVEs_at_end_of_day.zip",
)  # fmt: skip


@pytest.mark.parametrize(
    ("have", "names"),
    [
        (None, ["2024-10-26_all_CVEs_at_midnight.zip.zip", "2024-10-26_delta_CVEs_at_0400Z.zip"]),
        ("2024-10-26", ["2024-10-26_delta_CVEs_at_0400Z.zip"]),
        ("2024-10-24", ["2024-10-24_delta_CVEs_at_end_of_day.zip", "2024-10-25_delta_CVEs_at_end_of_day.zip",
                        "2024-10-26_delta_CVEs_at_0400Z.zip"]),
        ("2024-10-23", ["2024-10-26_all_CVEs_at_midnight.zip.zip", "2024-10-26_delta_CVEs_at_0400Z.zip"]),
        ("2024-01-01", ["2024-10-26_all_CVEs_at_midnight.zip.zip", "2024-10-26_delta_CVEs_at_0400Z.zip"]),
        ("2024-12-31", ["2024-10-26_all_CVEs_at_midnight.zip.zip", "2024-10-26_delta_CVEs_at_0400Z.zip"]),
    ],
)  # fmt: skip
def test_deltas_where_they_reach_and_the_baseline_where_not(have: str | None, names: list[str]) -> None:
    assert [each.name for each in releases.needed(RELEASES, have)] == names


def test_the_cve_list_comes_as_baseline_and_delta_of_its_day(tmp_path: Path) -> None:
    import io
    import zipfile

    from train.sources import load

    inner, outer = io.BytesIO(), io.BytesIO()
    with zipfile.ZipFile(inner, "w") as archive:
        archive.writestr("cves/2024/CVE-2024-0001.json", "{}")
    with zipfile.ZipFile(outer, "w") as archive:
        archive.writestr("cves.zip", inner.getvalue())
    listing = json.dumps([{"assets": [{"name": a.name, "browser_download_url": a.address} for a in RELEASES]}])

    def server(url: str, target: Path) -> Fetched:
        target.parent.mkdir(parents=True, exist_ok=True)
        data = (
            listing.encode() if "api.github.com" in url else outer.getvalue() if "all_CVEs" in url else inner.getvalue()
        )
        target.write_bytes(data)
        return Fetched(target, "", changed=True)

    found = releases.obtain("cve", load()["cve"], tmp_path, server)
    assert [path.name for path in found] == ["baseline.zip", "delta-2024-10-26.zip"]
    assert zipfile.ZipFile(found[0]).namelist() == ["cves/2024/CVE-2024-0001.json"]
    asked: list[str] = []
    again: Callable[[str, Path], Fetched] = lambda url, target: asked.append(url) or server(url, target)  # noqa: E731
    assert releases.obtain("cve", load()["cve"], tmp_path, again) == found
    assert not any("all_CVEs" in url for url in asked)


def test_the_newest_attack_release_is_found_in_the_index() -> None:
    place = "https://example.com/enterprise-attack/enterprise-attack-{}.json"
    index = {"collections": [{"versions": [{"version": v, "url": place.format(v)} for v in ("9.0", "18.1", "18.0")]}]}
    assert releases.newest_collection(index, "enterprise-attack") == place.format("18.1")
    for bad in ({}, {"collections": [{}]}, [], {"collections": []}):
        with pytest.raises(DownloadError):
            releases.newest_collection(bad, "enterprise-attack")
