"""Downloads against a real server that does what servers do; whatever it does, a file comes whole or not at all."""

import email.utils
import fcntl
import hashlib
import os
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from feed_server import BODY, Script, certificate, serving
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from train import fetch_state
from train.download import Fetched, Patience, fetch
from train.errors import DownloadError

QUICK = Patience(tries=4, first_wait=0.001, timeout=30.0, plain=True)
DIGEST = hashlib.sha256(BODY).hexdigest()


@pytest.fixture
def served() -> Iterator[Script]:
    with serving(Script()) as script:
        yield script


def brought(script: Script, target: Path, patience: Patience = QUICK, expected: str | None = None) -> Fetched:
    waits: list[float] = []
    return fetch(f"{script.address}/feed?x=../../escaped", target, expected, patience=patience, sleep=waits.append)


def cut_off(script: Script, target: Path, after: int) -> None:
    """Leaves the first bytes of the file as a part."""
    script.acts = [f"serve {after}", "status 503"]
    with pytest.raises(DownloadError, match="given up after 4 tries: Again: HTTP 503"):
        brought(script, target)
    assert not target.exists()
    assert fetch_state.size(target.with_name("feed.part")) == after


def test_a_file_comes_once_and_then_only_when_it_changed(served: Script, tmp_path: Path) -> None:
    target = tmp_path / "feed"
    first = brought(served, target)
    assert (first.changed, first.sha256, first.etag) == (True, DIGEST, '"one"')
    assert target.read_bytes() == BODY
    assert brought(served, target) == replace(first, changed=False)
    assert served.seen[-1]["if-none-match"] == '"one"'
    served.body, served.etag = b"newer", '"two"'
    assert brought(served, target).changed
    assert target.read_bytes() == b"newer"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["feed", "feed.fetch.json"]


def test_a_server_without_etags_is_asked_by_date(served: Script, tmp_path: Path) -> None:
    served.etag, served.modified = "", "Sat, 28 Nov 2026 12:00:00 GMT"
    cut_off(served, tmp_path / "feed", 1000)
    served.acts = ["serve"]
    assert brought(served, tmp_path / "feed").sha256 == DIGEST
    assert served.seen[-1]["if-range"] == served.modified
    assert served.seen[-1]["range"] == "bytes=1000-"
    assert not brought(served, tmp_path / "feed").changed
    assert served.seen[-1]["if-modified-since"] == served.modified


def test_a_server_without_validators_is_asked_for_the_whole(served: Script, tmp_path: Path) -> None:
    served.etag = ""
    served.acts = ["serve 1000", "whole"]
    assert brought(served, tmp_path / "feed").changed
    assert not brought(served, tmp_path / "feed").changed  # the bytes are the same
    assert not any({"range", "if-none-match", "if-modified-since"} & set(seen) for seen in served.seen)


def test_a_weak_etag_asks_whether_it_changed_but_never_for_a_rest(served: Script, tmp_path: Path) -> None:
    served.etag = 'W/"one"'
    served.acts = ["serve 1000", "serve"]
    brought(served, tmp_path / "feed")
    assert "range" not in served.seen[-1]
    assert not brought(served, tmp_path / "feed").changed
    assert served.seen[-1]["if-none-match"] == 'W/"one"'


@pytest.mark.parametrize("spoil", ["altered", "missing", "note", "address"])
def test_a_file_that_is_not_as_fetched_is_fetched_again(spoil: str, served: Script, tmp_path: Path) -> None:
    target = tmp_path / "feed"
    brought(served, target)
    if spoil == "altered":
        target.write_bytes(b"altered")
    elif spoil == "missing":
        target.unlink()
    elif spoil == "note":
        fetch_state.beside(target).write_text('{"url": 7, "etag": []}')
    else:
        fetch(f"{served.address}/other", target, patience=QUICK)
    assert brought(served, target).sha256 == DIGEST
    assert "if-none-match" not in served.seen[-1]
    assert target.read_bytes() == BODY


def test_cut_connections_are_gone_on_from_where_they_were_cut(served: Script, tmp_path: Path) -> None:
    served.acts = [f"serve {n}" for n in (1000, 70_000, 300_000)] + ["serve"]
    assert brought(served, tmp_path / "feed").sha256 == DIGEST
    assert [seen.get("range") for seen in served.seen] == [None, "bytes=1000-", "bytes=71000-", "bytes=371000-"]


def test_a_link_that_breaks_often_is_not_given_up_while_bytes_come(served: Script, tmp_path: Path) -> None:
    served.body = bytes(9 << 20)
    served.acts = [f"serve {(1 << 20) + 1}"] * 8 + ["serve"]  # more cuts than tries
    assert brought(served, tmp_path / "feed").path.stat().st_size == 9 << 20
    served.body, served.etag, served.acts = BODY, '"two"', ["serve 5"]
    with pytest.raises(DownloadError, match="given up after 4 tries"):
        brought(served, tmp_path / "feed")


def test_a_later_call_goes_on_with_the_part(served: Script, tmp_path: Path) -> None:
    cut_off(served, tmp_path / "feed", 200_000)
    served.acts = ["serve"]
    brought(served, tmp_path / "feed")
    assert served.seen[-1]["range"] == "bytes=200000-"
    assert (tmp_path / "feed").read_bytes() == BODY


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(cuts=st.lists(st.integers(1, 2 << 10), max_size=3), size=st.integers(1, 4 << 10), ranges=st.booleans())
def test_wherever_it_is_cut_the_bytes_are_the_servers(
    cuts: list[int], size: int, ranges: bool, tmp_path_factory: pytest.TempPathFactory
) -> None:
    body = BODY[-size:]
    with serving(Script(body=body, etag='"one"' if ranges else "")) as script:
        script.acts = [f"serve {cut}" for cut in cuts] + ["serve"]
        target = tmp_path_factory.mktemp("cuts") / "feed"
        brought(script, target)
        assert target.read_bytes() == body


@pytest.mark.parametrize("then", ["serve", "whole", "elsewhere", "elsewhere 1000", "other", "less"])
def test_a_changed_or_unwilling_server_starts_over(then: str, served: Script, tmp_path: Path) -> None:
    cut_off(served, tmp_path / "feed", 1000)
    served.acts = [then, "serve"]
    if then == "serve":
        served.body, served.etag = BODY[::-1], '"two"'
    if then == "elsewhere 1000":
        served.etag = '"two"'
    brought(served, tmp_path / "feed")
    assert (tmp_path / "feed").read_bytes() == served.body


def test_a_file_that_shrank_below_the_part_starts_over(served: Script, tmp_path: Path) -> None:
    cut_off(served, tmp_path / "feed", 900_000)
    served.body, served.acts = b"short", ["serve"]
    brought(served, tmp_path / "feed")
    assert (tmp_path / "feed").read_bytes() == b"short"


def test_a_body_of_untold_length_comes_whole(served: Script, tmp_path: Path) -> None:
    served.acts = ["chunked 300000", "chunked"]
    assert brought(served, tmp_path / "feed").sha256 == DIGEST
    assert len(served.seen) == 2


def test_a_connection_cut_between_two_headers_is_no_empty_file(served: Script, tmp_path: Path) -> None:
    target = tmp_path / "feed"
    brought(served, target)
    served.body, served.etag, served.acts = b"newer", '"two"', ["torn"]
    with pytest.raises(DownloadError, match="expected a length or chunks, got neither"):
        brought(served, target)
    assert target.read_bytes() == BODY
    served.acts = ["torn", "serve"]
    assert brought(served, target).path.read_bytes() == b"newer"


@pytest.mark.parametrize(
    "after", ["-5", "soon", f"Mon, 01 Jan {'9' * 20} 00:00:00 GMT", "Mon, 01 Jan 0001 00:00:00 +9999"]
)
def test_a_pause_that_cannot_be_read_is_our_own(after: str, served: Script, tmp_path: Path) -> None:
    served.acts = [f"status 503 {after}", "serve"]
    assert brought(served, tmp_path / "feed").sha256 == DIGEST


def test_it_waits_longer_and_longer_and_as_long_as_it_is_asked_to(served: Script, tmp_path: Path) -> None:
    later = email.utils.format_datetime(email.utils.localtime().fromtimestamp(time.time() + 30), usegmt=False)
    served.acts = ["status 503 7", f"status 429 {later}", "status 500", "status 408", "status 502", "serve"]
    waits: list[float] = []
    patience = replace(QUICK, tries=6, first_wait=0.1)
    fetch(f"{served.address}/feed", tmp_path / "feed", patience=patience, sleep=waits.append)
    assert waits[0] == 7.0
    assert 20 < waits[1] <= 30
    assert 0.2 <= waits[2] <= 0.6
    assert 0.4 <= waits[3] <= 1.2
    assert 0.8 <= waits[4] <= 2.4


def test_it_does_not_come_back_earlier_than_it_is_asked_to(served: Script, tmp_path: Path) -> None:
    served.acts = ["status 429 86400", "serve"]
    with pytest.raises(DownloadError, match="come back in 86400 s"):
        brought(served, tmp_path / "feed")
    assert len(served.seen) == 1


@pytest.mark.parametrize(
    ("act", "said", "asked"),
    [
        ("status 404", "expected 200, got HTTP 404", 1),
        ("status 403", "expected 200, got HTTP 403", 1),
        ("status 204", "expected 200, got HTTP 204", 1),
        ("status 416", "expected 200, got HTTP 416", 1),
        ("status 304", "expected 200, got HTTP 304", 1),
        ("elsewhere", "expected 200, got HTTP 206", 1),
        ("to /again", "at most 5 redirects", 6),
        ("to ftp://127.0.0.1/x", "expected https, got ftp", 1),
        ("to file:///etc/passwd", "expected https, got file", 1),
        ("to //[x/", "expected a redirect to an address", 1),
        ("zipped", "expected the bytes as published, got them in gzip", 1),
        ("whole", "at most 100000 bytes, got 1024000", 1),
        ("chunked", "at most 100000 bytes", 1),
        ("lying 99999999999999999999", "at most 100000 bytes", 1),
    ],
)  # fmt: skip
def test_what_cannot_be_had_ends_at_once_and_says_where(
    act: str, said: str, asked: int, served: Script, tmp_path: Path
) -> None:
    served.acts = [act]
    with pytest.raises(DownloadError, match=said) as caught:
        brought(served, tmp_path / "feed", replace(QUICK, most=100_000))
    assert served.address in str(caught.value)
    assert len(served.seen) == asked
    assert not (tmp_path / "feed").exists()


def test_a_length_that_is_a_lie_is_no_file(served: Script, tmp_path: Path) -> None:
    served.acts, served.etag = ["lying 2000000"], ""
    with pytest.raises(DownloadError, match="given up after 4 tries"):
        brought(served, tmp_path / "feed")
    assert not (tmp_path / "feed").exists()
    served.acts = ["lying 1000"]  # what comes after the length that was told is not the file's
    with pytest.raises(DownloadError, match="expected SHA-256"):
        brought(served, tmp_path / "feed", expected=DIGEST)


@pytest.mark.parametrize("patience", [replace(QUICK, tries=2, timeout=0.1),
                                      replace(QUICK, tries=2, window=0.3)])  # fmt: skip
def test_a_server_that_dawdles_is_left(patience: Patience, served: Script, tmp_path: Path) -> None:
    served.acts = ["slow 0.5" if patience.timeout < 1 else "slow 0.05"]
    with pytest.raises(DownloadError, match="given up after 2 tries"):
        brought(served, tmp_path / "feed", patience)


def test_a_wrong_digest_is_put_aside_and_never_used(served: Script, tmp_path: Path) -> None:
    with pytest.raises(DownloadError, match=f"expected SHA-256 {'0' * 64}, got {DIGEST}"):
        brought(served, tmp_path / "feed", expected="0" * 64)
    assert [path.name for path in tmp_path.iterdir()] == ["feed.refused"]
    assert brought(served, tmp_path / "feed", expected=DIGEST).changed
    asked = len(served.seen)
    assert not brought(served, tmp_path / "feed", expected=DIGEST).changed  # what it must be, it is
    assert len(served.seen) == asked
    with pytest.raises(DownloadError, match="expected SHA-256"):
        brought(served, tmp_path / "feed", expected="1" * 64)
    assert (tmp_path / "feed").read_bytes() == BODY


def test_plain_http_is_refused_unless_allowed(served: Script, tmp_path: Path) -> None:
    with pytest.raises(DownloadError, match="expected https"):
        brought(served, tmp_path / "feed", Patience(tries=1))
    assert served.seen == []


def test_tls_is_checked_and_never_left(
    served: Script, tmp_path: Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    certified = certificate(tmp_path_factory.mktemp("tls"))
    with serving(Script(), certified) as safe:
        with pytest.raises(DownloadError, match="certificate verify failed"):
            brought(safe, tmp_path / "feed")
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(certified))
        assert brought(safe, tmp_path / "feed", Patience(tries=1)).changed
        safe.acts = [f"to {served.address}/feed"]
        with pytest.raises(DownloadError, match="expected https, got http:"):
            brought(safe, tmp_path / "elsewhere")
    assert served.seen == []


def test_nobody_there_is_an_error_with_the_address(tmp_path: Path) -> None:
    with serving(Script()) as script:
        address = script.address
    with pytest.raises(DownloadError, match=rf"{address}/x: given up after 4 tries: ConnectionError"):
        fetch(f"{address}/x", tmp_path / "feed", patience=QUICK, sleep=lambda _: None)


def test_two_processes_do_not_write_one_part(served: Script, tmp_path: Path) -> None:
    held = os.open(tmp_path, os.O_RDONLY)
    fcntl.flock(held, fcntl.LOCK_EX)
    try:
        with pytest.raises(DownloadError, match="another process"):
            brought(served, tmp_path / "feed")
    finally:
        os.close(held)
    assert brought(served, tmp_path / "feed").changed
