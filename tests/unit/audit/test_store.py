"""Where files live: a local folder, and an object store (moto's S3 server; no real service was tried)."""

import contextlib
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from audit import store as module
from audit.errors import BadRoot, Unavailable
from audit.store import LocalStore, ObjectStore, join_address, open_store, split_address, to_address


@pytest.fixture(params=["local", "s3"])
def store(request, tmp_path):
    (tmp_path / "root").mkdir()
    return open_store(tmp_path / "root" if request.param == "local" else request.getfixturevalue("url"))


def test_a_file_is_created_once_and_read_back(store):
    assert store.create("seg/a", b"one")
    assert store.create("b", b"two")
    assert not store.create("seg/a", b"three")
    assert bytes(store.read("seg/a")) == bytes(store.child("seg").read("a")) == b"one"
    assert (store.names(), store.folders(), store.names("seg"), store.names("none")) == (["b"], ["seg"], ["a"], [])
    store.settle("seg")
    store.settle("none")
    store.delete("seg/a")
    store.delete("seg/a")
    with pytest.raises(FileNotFoundError):
        store.read("seg/a")
    assert store.names("seg") == []


def test_creation_is_proven_exclusive_and_leaves_nothing(store):
    store.prove_exclusive()
    assert (store.names(), store.folders()) == ([], [])


def test_of_many_writers_one_creates(store):
    start = threading.Barrier(8)

    def create(number: int) -> bool:
        start.wait()
        return store.create("seg/a", f"writer {number}".encode())

    with ThreadPoolExecutor(8) as pool:
        won = list(pool.map(create, range(8)))
    assert won.count(True) == 1
    assert bytes(store.read("seg/a")) == f"writer {won.index(True)}".encode()


def test_more_names_than_one_answer_holds(store):
    names = [f"{number:05}" for number in range(1005)]
    with ThreadPoolExecutor(4) as pool:
        assert all(pool.map(lambda name: store.create(f"seg/{name}", b"x"), names))
    assert store.names("seg") == names


def test_a_large_file_is_one_exclusive_creation(store):
    data = bytes(12 * 1024 * 1024)
    assert store.create("pack/a", data)
    assert not store.create("pack/a", b"x" + data[1:])
    assert store.read("pack/a").equals(module.pa.py_buffer(data))


@pytest.mark.parametrize("stored", [True, False])
@pytest.mark.parametrize("status", ["500 Internal Server Error", "503 Slow Down", "403 Forbidden", "409 Conflict"])
def test_an_answer_that_went_wrong_is_settled_by_looking(s3, url, monkeypatch, status, stored):
    """What was stored, was created, by whatever answer; what was not, raises or is stored by a repeat."""
    failures = [status]

    def meddle(request, carry_out, start_response):
        if request["REQUEST_METHOD"] != "PUT" or not failures:
            return carry_out()
        if stored:
            carry_out()
        return refuse(request, start_response, failures.pop(), read=not stored)

    store = open_store(url)
    s3.meddle = meddle
    with contextlib.nullcontext() if stored or status[:3] != "403" else pytest.raises(OSError, match="PUT"):
        assert store.create("a", b"mine")
        assert not store.create("a", b"theirs")
        assert bytes(store.read("a")) == b"mine"


def refuse(request, start_response, status: str, *, read: bool = True):
    if read:
        request["wsgi.input"].read(int(request["CONTENT_LENGTH"]))
    start_response(status, [("Content-Length", "0")])
    return [b""]


def test_a_loser_whose_answer_was_lost_has_lost(s3, url):
    store = open_store(url)
    store.create("a", b"theirs")

    def meddle(request, carry_out, start_response):
        return refuse(request, start_response, "403 Forbidden") if request["REQUEST_METHOD"] == "PUT" else carry_out()

    s3.meddle = meddle
    assert store.create("a", b"mine") is False


def test_a_name_that_is_for_ever_taken_by_nobody_is_no_success(s3, url, monkeypatch):
    monkeypatch.setattr(module, "RETRY_AFTER_S", 0)
    store = open_store(url)
    s3.meddle = lambda request, carry_out, start: (
        refuse(request, start, "409 Conflict") if request["REQUEST_METHOD"] == "PUT" else carry_out()
    )
    with pytest.raises(OSError, match="taken that is free"):
        store.create("a", b"mine")


def test_a_store_without_create_if_absent_is_refused(s3, url):
    def meddle(request, carry_out, _):
        request.pop("HTTP_IF_NONE_MATCH", None)
        return carry_out()

    s3.meddle = meddle
    store = open_store(url)
    with pytest.raises(BadRoot, match="expected create-if-absent"):
        store.prove_exclusive()
    assert store.names() == []


def test_a_store_that_is_away_is_unavailable_and_says_so_in_one_line(s3, url, monkeypatch):
    monkeypatch.setattr(module, "RETRIES", 1)
    store = open_store(url.replace("s3://", "s3://no-such-"))
    for refused in (lambda: store.names("seg"), lambda: store.read("a"), lambda: store.create("a", b"")):
        with pytest.raises(OSError, match=r"object store|No such object") as caught:
            refused()
        assert "\n" not in str(caught.value)
    with pytest.raises(Unavailable, match="expected a bucket that can be written"):
        store.prove_exclusive()
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    with pytest.raises(OSError, match="object store"):
        open_store(url).create("a", b"")


@pytest.mark.parametrize("url", ["s3://", "ftp://host/path", "file:///tmp", "memory:///", "http://host/path", "x://y"])
def test_only_buckets_are_object_stores(url):
    with pytest.raises(BadRoot, match="expected the URL of a bucket"):
        open_store(url)


def test_addresses():
    assert to_address("s3://bucket/a") == "s3://bucket/a"
    assert to_address("a/b") == Path("a/b")
    for address in ("s3://bucket/a/control", Path("a/control")):
        root, name = split_address(address)
        assert (name, join_address(root, name)) == ("control", address)
    assert isinstance(open_store(Path("a")), LocalStore)
    assert isinstance(open_store("s3://bucket/a"), ObjectStore)
