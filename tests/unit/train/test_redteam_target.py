"""Asking the tutor, against a real server: limits and faults are waited out, the key stays where it belongs."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from train.attack import target
from train.attack.errors import TargetError
from train.attack.target import Target

ANSWER = {"choices": [{"finish_reason": "stop"}], "preceptor": {"action": "ALLOW", "request_id": "r1"}}
REFUSAL = {"error": {"code": "content_filter", "preceptor": {"action": "REFUSE", "verdict": {"score": 0.9}}}}
BUSY = {"error": {"code": "rate_limit_exceeded"}}


@contextmanager
def tutor(*replies: tuple[int, Any]) -> Iterator[tuple[str, list[dict[str, Any]]]]:
    """A server that gives these replies in turn, the last one for ever; its URL, and what it was asked."""
    seen: list[dict[str, Any]] = []

    class Handler(BaseHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            """Say nothing."""

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            seen.append({"body": body, "key": self.headers["Authorization"], "name": self.headers["X-Request-Id"]})
            status, reply = replies[min(len(seen), len(replies)) - 1]
            raw = json.dumps(reply).encode()
            self.send_response(status)
            self.send_header("Retry-After", "0.15")
            self.send_header("Location", "/elsewhere")
            self.send_header("Content-Length", str(len(raw)))
            self.end_headers()
            self.wfile.write(raw)

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}/", seen
    finally:
        server.shutdown()
        server.server_close()


def test_a_question_is_asked_whole_short_and_under_the_name_of_the_attempt() -> None:
    with tutor((200, ANSWER), (400, REFUSAL)) as (url, seen):
        asker = Target(url, "secret", "tiny")
        assert asker.ask("why?", "c/1").ending == "answered"
        refused = asker.ask("harm!", "c/2")
    assert (refused.ending, refused.score, refused.status) == ("refused", 0.9, 400)
    assert [one["name"] for one in seen] == ["c/1", "c/2"]
    assert seen[0]["key"] == "Bearer secret"
    assert seen[0]["body"] == {
        "model": "tiny", "messages": [{"role": "user", "content": "why?"}], "max_tokens": 32, "temperature": 0,
    }  # fmt: skip
    assert "secret" not in repr(asker)


def test_a_limit_is_waited_out_and_a_lasting_one_ends_the_run() -> None:
    with tutor((429, BUSY), (429, BUSY), (200, ANSWER)) as (url, seen):
        assert Target(url, "k", "tiny").ask("why?", "c/1").ending == "answered"
    assert len(seen) == 3
    with tutor((429, BUSY)) as (url, seen), pytest.raises(TargetError, match="limits"):
        Target(url, "k", "tiny").ask("why?", "c/1")
    assert len(seen) == target.TRIES


def test_one_text_that_breaks_a_check_is_an_error_and_a_tutor_that_is_broken_ends_the_run() -> None:
    fault = (503, {"error": {"code": "guard_unavailable", "preceptor": {"request_id": "r9"}}})
    with tutor(fault) as (url, _):
        asker = Target(url, "k", "tiny")
        first = asker.ask("why?", "c/1")
        assert (first.ending, first.code, first.request_id) == ("failed", "guard_unavailable", "r9")
        assert asker.ask("why?", "c/2").ending == "failed"
        with pytest.raises(TargetError, match="guard_unavailable"):
            asker.ask("why?", "c/3")


@pytest.mark.parametrize(("status", "ends"), [(401, True), (403, True), (302, False), (413, False), (200, False)])
def test_other_answers(status: int, ends: bool) -> None:
    with tutor((status, {"error": {"code": "other"}})) as (url, seen):
        if ends:
            with pytest.raises(TargetError, match=f"HTTP {status}"):
                Target(url, "k", "tiny").ask("why?", "c/1")
        else:
            assert Target(url, "k", "tiny").ask("why?", "c/1").ending == "failed"
    assert len(seen) == 1


def test_nobody_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(target.time, "sleep", lambda _: None)
    with pytest.raises(TargetError, match="does not answer"):
        Target("http://127.0.0.1:9", "k", "tiny").prepare()
