"""The witness over HTTP: every answer that tlog-witness asks for, and none to what is no submission."""

import base64
import http.client
import json
import signal
import subprocess
import sys
import threading
from http import HTTPStatus
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from audit.cosignature import cosigned_at
from audit.heads import name_of
from audit.witness_server import MAX_BODY_BYTES, WitnessServer, parse_submission
from tests.unit.audit.test_witness import FORK, KEY, LOG, NOW, ORIGIN, Tree, wake

REPOSITORY = Path(__file__).parents[3]


@pytest.fixture
def state(tmp_path):
    return tmp_path / "state"


def submission(old: int, path: list[bytes], note: str) -> bytes:
    """The body of an add-checkpoint request."""
    return "".join([f"old {old}\n", *(f"{base64.b64encode(node).decode()}\n" for node in path), "\n", note]).encode()


@pytest.fixture
def served(state):
    """A witness over HTTP on a free port, its answers, and what it reports."""
    reports = []
    with WitnessServer(
        ("127.0.0.1", 0), wake(state), lambda head, reason: reports.append((head.size, reason))
    ) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        connection = http.client.HTTPConnection(*server.server_address, timeout=10)

        def ask(body: bytes | None, path: str = "/add-checkpoint", **headers: str) -> tuple[int, str, str]:
            connection.request("GET" if body is None else "POST", path, body, headers)
            answer = connection.getresponse()
            return answer.status, answer.headers["Content-Type"], answer.read().decode()

        yield ask, reports, server.cosigner.key
        connection.close()
        server.shutdown()


def test_add_checkpoint_answers_as_specified(served):
    ask, reports, key = served
    status, _, line = ask(submission(*LOG.grow(0, 5)))
    assert status == 200
    assert cosigned_at(LOG.note(5) + line, key) == NOW
    assert ask(submission(*LOG.grow(5, 12)))[0] == 200
    assert ask(submission(*LOG.grow(12, 12)))[0] == 200
    assert ask(submission(*LOG.grow(5, 13))) == (409, "text/x.tlog.size", "12\n")
    assert ask(submission(*LOG.grow(0, 13))) == (409, "text/x.tlog.size", "12\n")
    assert ask(submission(*FORK.grow(12, 20)))[0] == 422
    assert ask(submission(12, [], FORK.note(12)))[0] == 422
    assert ask(submission(12, [], LOG.note(11)))[0] == 400
    assert ask(submission(*Tree(origin="elsewhere/x").grow(0, 3)))[0] == 404
    thief = Ed25519PrivateKey.from_private_bytes(b"\x09" * 32)
    assert ask(submission(*Tree(signer=thief).grow(12, 20)))[0] == 403
    assert [size for size, reason in reports if reason is None] == [5, 12, 12]
    assert len(reports) == 8  # strangers are not reported
    status, _, note = ask(None, f"/{name_of(ORIGIN)}/checkpoint")
    assert (status, note.startswith(LOG.note(12))) == (200, True)
    assert cosigned_at(note, key) == NOW
    for path in (f"/{'0' * 64}/checkpoint", "/witness.key", "/../witness.key", "/"):
        assert ask(None, path)[0] == 404


def test_what_is_no_submission_is_refused_before_any_work(served):
    ask, reports, _ = served
    good = submission(*LOG.grow(0, 5))
    assert parse_submission(good) == LOG.grow(0, 5)
    bad = [
        b"", b"old 0", b"old 0\n", good.replace(b"old 0", b"old 00"), good.replace(b"old 0", b"new 0"),
        good.replace(b"old 0", b"old -1"), good.replace(b"old 0\n", b"old 0\nAAAA\n"), good.replace(b"\n\n", b"\n"),
        good.replace(b"old 0\n", b"old 0\n" + base64.b64encode(bytes(32)) * 2 + b"\n"), b"\xff" + good, good[:-1],
        submission(0, [bytes(32)] * 64, LOG.note(5)), good.replace(b"old 0\n", b"old 0\r\n"),
    ]  # fmt: skip
    for body in bad:
        assert ask(body)[0] == 400, body
    assert ask(bytes(MAX_BODY_BYTES + 1))[0] == 413
    assert ask(b"x", **{"Transfer-Encoding": "chunked"})[0] == 411
    assert ask(b"", **{"Content-Length": "-1"})[0] == 411
    assert ask(good, "/elsewhere")[0] == 404
    assert reports == []
    assert ask(good)[0] == 200  # and it is well


def test_a_witness_that_cannot_remember_says_so(served, state):
    ask, _, _ = served
    assert ask(submission(*LOG.grow(0, 5)))[0] == 200
    (state / f"{name_of(ORIGIN)}.checkpoint").write_bytes(b"\xff")
    assert ask(submission(*LOG.grow(5, 6)))[0] == 503
    assert ask(None, f"/{name_of(ORIGIN)}/checkpoint")[0] == 503


def test_the_command_serves_and_survives_a_kill(state, tmp_path):
    (tmp_path / "log.vkey").write_text(f"{KEY}\n")
    command = [
        sys.executable,
        "-m",
        "audit.witness",
        "--listen",
        ":0",
        "--key",
        tmp_path / "log.vkey",
        "--state",
        state,
    ]
    answers = []
    for tree in (LOG, FORK):
        with subprocess.Popen(command, cwd=REPOSITORY, stdout=subprocess.PIPE, text=True) as process:
            host, _, port = json.loads(process.stdout.readline())["listening"].partition(":")
            connection = http.client.HTTPConnection(host, int(port), timeout=10)
            connection.request("POST", "/add-checkpoint", submission(*tree.grow(0, 10)))
            answers.append(connection.getresponse().status)
            process.send_signal(signal.SIGKILL)
    assert (host, answers) == ("127.0.0.1", [HTTPStatus.OK, HTTPStatus.CONFLICT])
