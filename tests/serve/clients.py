"""Clients as people are: they ask, keep what they were shown, and hold on to their receipts."""

import json
import threading
import time
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from audit.errors import BadProof
from audit.proof import Proof
from audit.saved import read_saved
from tests.serve.conftest import Running

QUESTIONS = ["What does a firewall do?", "Why are passwords salted?", "How does TLS work?", "What is a patch?"]


@dataclass(frozen=True, slots=True)
class Kept:
    """One question as its client saw it: every character that came, whether the answer ended or not.

    `request_id` is "" and `status` 0 where no answer began. Times are of time.monotonic().
    """

    request_id: str
    status: int
    body: str
    asked_at: float
    ended_at: float

    @property
    def text(self) -> str:
        """What was shown of the answer, with what came of a frame that was cut."""
        return "".join(map(_content, _parts(self.body)))

    @property
    def receipts(self) -> tuple[str, ...]:
        """The receipts in what came."""
        try:
            return read_saved(self.body).receipts
        except BadProof:
            return ()


@dataclass(slots=True)
class Clients:
    """`count` clients at a time, each asking one question after another, streamed and whole by turns, until the end.

    `max_tokens` are the lengths of their answers, one per client, over again.
    """

    running: Running
    count: int
    max_tokens: Sequence[int] = (12,)
    kept: list[Kept] = field(default_factory=list)
    _stop: threading.Event = field(default_factory=threading.Event)
    _threads: list[threading.Thread] = field(default_factory=list)

    def __enter__(self) -> "Clients":
        self._threads = [threading.Thread(target=self._go_on, args=(number,)) for number in range(self.count)]
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join(240)

    def answered_since(self, moment: float) -> list[Kept]:
        """Whole answers to what was asked after a moment."""
        return [one for one in list(self.kept) if one.asked_at > moment and one.status == 200 and one.receipts]

    def _go_on(self, number: int) -> None:
        max_tokens = self.max_tokens[number % len(self.max_tokens)]
        while not self._stop.is_set():
            one = ask(self.running, QUESTIONS[number % len(QUESTIONS)], max_tokens, stream=number % 2 == 0)
            self.kept.append(one)
            number += 1
            if one.status != 200:
                time.sleep(0.5)  # as a client would that was told to come again


def ask(running: Running, question: str, max_tokens: int, *, stream: bool) -> Kept:
    """Ask, and keep whatever comes, however it ends."""
    message = {"role": "user", "content": question}
    asked: dict[str, Any] = {
        "model": "smollm2-135m-instruct", "messages": [message], "max_tokens": max_tokens, "stream": stream
    }  # fmt: skip
    request_id, status, body, began = "", 0, bytearray(), time.monotonic()
    try:
        with running.client() as client, client.stream("POST", "/v1/chat/completions", json=asked) as answer:
            request_id, status = answer.headers.get("x-preceptor-request-id", ""), answer.status_code
            for piece in answer.iter_raw():
                body += piece
    except httpx.TransportError as error:
        print(f"an answer broke off: {type(error).__name__}", flush=True)
    return Kept(request_id, status, body.decode(errors="ignore"), began, time.monotonic())


def look(running: Running, kept: Sequence[Kept], folder: Path) -> dict[str, int | bool]:
    """Hold what clients have against the log, through the commands a stranger has.

    `streams_outside_the_log` counts answers with a character that the log lacks.
    """
    folder.mkdir(parents=True, exist_ok=True)
    responses = {row["request_id"]: row["response"] for row in _ask_log(running, RESPONSES, text=True)}
    places = {(row["origin"], row["idx"], row["request_id"], row["seq"]) for row in _ask_log(running, RECORDS)}
    records = Counter((origin, request_id, seq) for origin, _, request_id, seq in places)
    shown = [(one.request_id, one.text) for one in kept if one.text]
    leaves = [_leaf(receipt) for one in kept for receipt in one.receipts]
    receipts, offline = _verify(running, (), kept, folder)
    again, valid = _verify(running, (str(running.log),), kept, folder)
    return {
        "answers_begun": len(shown),
        "bytes_received": sum(len(text.encode()) for _, text in shown),
        "streams_outside_the_log": sum(not responses.get(key, "").startswith(text) for key, text in shown),
        "receipts": len(leaves),
        "receipts_valid_offline": receipts,
        "receipts_valid_in_the_log": again,
        "acknowledged_and_lost": sum(place not in places for place in leaves),
        "records": len(records),
        "records_twice": sum(times > 1 for times in records.values()),
        "verified": offline and valid,
    }


def is_clean(found: dict[str, int | bool]) -> bool:
    """Whether nothing was lost, doubled, unproven or shown without a record."""
    wrong = ("streams_outside_the_log", "acknowledged_and_lost", "records_twice")
    return (
        bool(found["verified"])
        and not any(found[name] for name in wrong)
        and found["receipts"] == found["receipts_valid_offline"] == found["receipts_valid_in_the_log"]
    )


RESPONSES = "select request_id, coalesce(response, '') as response from exchanges"
RECORDS = "select origin, idx, request_id, seq from records"


def _ask_log(running: Running, sql: str, *, text: bool = False) -> list[dict[str, Any]]:
    keys = ("--keys", str(running.home / "keys")) if text else ()
    rows: list[dict[str, Any]] = json.loads(
        running.run("audit.query", str(running.log), sql, "--format", "json", *keys).stdout
    )
    return rows


def _verify(running: Running, root: Sequence[str], kept: Iterable[Kept], folder: Path) -> tuple[int, bool]:
    """How many receipts are valid, and whether all that was looked at is."""
    flags: list[str] = []
    for number, one in enumerate(kept):
        for receipt in one.receipts:
            path = folder / f"{number}"
            path.write_text(one.body if len(one.receipts) == 1 else receipt)
            flags += ["--receipt", str(path)]
    said = running.run("audit.verify", *root, "--key", str(running.vkey), *flags, ok=False).stdout
    report = json.loads(said)
    if not report["valid"]:
        print(f"not valid: {report['first_bad']} {report['notes']}", flush=True)
    return sum(one["valid"] for one in report["receipts"]), bool(report["valid"])


def _leaf(receipt: str) -> tuple[str, int, str, int]:
    leaf = json.loads(json.loads(Proof.parse(receipt).extra or b"")["leaf"])
    return leaf["origin"], leaf["idx"], leaf["request_id"], leaf["seq"]


def _parts(body: str) -> list[str]:
    """The JSON texts of a body: its frames, or itself."""
    frames = [line.partition("data:")[2].strip() for line in body.splitlines() if line.startswith("data:")]
    return frames or [body]


def _content(part: str) -> str:
    try:
        choice = (json.loads(part).get("choices") or [{}])[0]
    except ValueError:
        return _content_of_a_piece(part)
    return str((choice.get("message") or choice.get("delta") or {}).get("content") or "")


def _content_of_a_piece(part: str) -> str:
    """What is readable in a frame whose end did not come; `[DONE]` and other words hold nothing."""
    _, found, rest = part.partition('"content":')
    if not found:
        return ""
    rest = rest.strip()
    for end in range(len(rest), max(0, len(rest) - 12), -1):  # an escape may have been cut too
        try:
            return str(json.loads(rest[:end] + '"'))
        except ValueError:
            continue
    return ""
