"""The judge of `make prove chaos` on a real log: it finds every violation that is planted, and no other."""

import json
import re
import shutil
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from audit import init
from tests.proofs import chaos_figures
from tests.proofs.chaos_checker import WRONG, check, compare, is_clean, json_of, records
from tests.proofs.chaos_heard import Heard, read
from tests.unit.audit.conftest import World

IDS = [f"0198f2d0-0000-7000-8000-{n:012d}" for n in range(4)]
PIECES = ("Salted ", "hashes — ", "good.")
NOW = time.time()
Rows = list[dict[str, Any]]


def frame(text: str, **more: Any) -> str:
    choice = {"index": 0, "delta": {"content": text} if text else {}, "finish_reason": more.pop("finish", None)}
    return "data: " + json.dumps({"choices": [choice]} | more, ensure_ascii=False) + "\n\n"


def streamed(request_id: str, receipt: str, *pieces: str) -> Heard:
    closing = frame("", finish="stop", preceptor={"request_id": request_id, "receipt": receipt})
    body = "".join(map(frame, pieces)) + closing + "data: [DONE]\n\n"
    return Heard(0, 1.0, 2.0, 200, request_id, True, "", body)


def whole(request_id: str, receipt: str, text: str) -> Heard:
    message = {"message": {"role": "assistant", "content": text}, "finish_reason": "stop"}
    return Heard(
        1, 1.0, 2.0, 200, request_id, False, "", json.dumps({"choices": [message], "preceptor": {"receipt": receipt}})
    )


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    made = World(tmp_path_factory.mktemp("chaos"))
    init.begin(made.address, made.home / "keys", "test", 1)
    return made


@pytest.fixture(scope="module")
def heard(world: World) -> list[Heard]:
    """A stream, a whole answer, a stream that was cut inside a character; `before` is the root without the last."""
    log = world.open()
    receipts = [log.append(world.exchange(name, *PIECES))[-1].proof for name in IDS[:2]]
    shutil.copytree(world.root, world.home / "before")
    last = log.append(world.exchange(IDS[2], *PIECES))[-1].proof
    cut = frame(PIECES[0]) + frame(PIECES[1])[:-30]
    return [
        streamed(IDS[0], receipts[0], *PIECES), whole(IDS[1], receipts[1], "".join(PIECES)),
        Heard(2, 1.0, 2.0, 200, IDS[1], True, "ReadError", cut), streamed(IDS[2], last, *PIECES),
    ]  # fmt: skip


@pytest.fixture(scope="module")
def rows(world: World, heard: list[Heard]) -> Rows:
    return records(world.root, world.home / "keys")


def wrong(heard: list[Heard], rows: Rows, now: float = NOW) -> dict[str, int]:
    found = compare(heard, rows, now)
    return {name: found[name] for name in WRONG if found[name]}


def look(world: World, heard: list[Heard], root: Path | None = None) -> dict[str, Any]:
    return check(root or world.root, world.root / "log.vkey", world.home / "keys", heard)


def test_of_an_honest_log_nothing_is_wrong(world: World, heard: list[Heard]) -> None:
    found = look(world, heard)
    assert is_clean(found), found
    assert (found["questions"], found["receipts"], found["exchanges"], found["windows"]) == (4, 3, 3, 9)
    assert found["bytes_received"] > 3 * len("".join(PIECES))
    assert [one.is_good for one in heard] == [True, True, False, True]
    assert heard[2].text.startswith(PIECES[0])


def test_a_byte_that_the_log_lacks_is_found(world: World, heard: list[Heard], rows: Rows) -> None:
    changed = replace(heard[0], body=heard[0].body.replace("good.", "gooD."))
    assert wrong([changed], rows) == {"unlogged_bytes": 2}
    longer = replace(heard[2], body=frame(PIECES[0]) + frame("hashes — good. And more"))
    assert wrong([longer], rows) == {"unlogged_bytes": len(" And more")}
    stranger = replace(heard[2], request_id=IDS[3])
    assert wrong([stranger], rows)["unlogged_bytes"] == len(heard[2].text.encode())
    found = look(world, [changed])  # and its receipt does not commit to that text
    assert (found["log_valid"], found["receipts_invalid"], found["unlogged_bytes"]) == (True, 1, 2)


def edited(rows: Rows, request_id: str, seq: int, **changes: Any) -> Rows:
    return [row | changes if (row["request_id"], row["seq"]) == (request_id, seq) else row for row in rows]


def without(rows: Rows, request_id: str, seq: int) -> Rows:
    return [row for row in rows if (row["request_id"], row["seq"]) != (request_id, seq)]


@pytest.mark.parametrize("action", [None, "REFUSE", "TEACH"])
def test_a_window_without_a_verdict_that_lets_it_leave(heard: list[Heard], rows: Rows, action: str) -> None:
    planted = edited(rows, IDS[0], 2, action=action)
    after = len((PIECES[1] + PIECES[2]).encode())
    assert wrong(heard, planted) == {"unchecked_bytes": after, "windows_without_verdict": 1}
    assert wrong(heard[1:], planted) == {"windows_without_verdict": 1}  # also where nobody received it


def test_windows_of_a_question_that_was_not_let_in(heard: list[Heard], rows: Rows) -> None:
    text = len("".join(PIECES).encode())
    planted = edited(rows, IDS[0], 0, action="REFUSE")
    assert wrong(heard, planted) == {"unchecked_bytes": text, "windows_without_verdict": 3}
    assert wrong(heard, without(rows, IDS[0], 0))["unchecked_bytes"] == text


def test_an_acknowledged_record_that_is_gone(world: World, heard: list[Heard], rows: Rows) -> None:
    assert wrong([heard[0]], without(rows, IDS[0], 4)) == {"acknowledged_and_lost": 1}
    found = look(world, heard, world.home / "before")  # the root as it was, with a valid log: its tail was cut
    assert (found["log_valid"], found["acknowledged_and_lost"], found["unlogged_bytes"]) == (
        True,
        1,
        len("".join(PIECES).encode()),
    )
    bare = replace(heard[1], body=json.dumps({"choices": json.loads(heard[1].body)["choices"]}))
    assert wrong([bare], rows) == {"answers_without_receipt": 1}


def test_a_proof_or_a_file_that_was_touched(world: World, heard: list[Heard], tmp_path: Path) -> None:
    spoilt = replace(heard[0], body=re.sub(r"index \d+", "index 2", heard[0].body))
    shutil.copytree(world.root, tmp_path / "audit")
    segment = sorted((tmp_path / "audit" / "exchange-0" / "seg").iterdir())[-1]
    raw = bytearray(segment.read_bytes())
    digit = raw.rindex(b"preceptor-file-signature/v1:") + 30
    raw[digit] = ord("1") if raw[digit] == ord("0") else ord("0")
    segment.write_bytes(raw)
    found = look(world, [spoilt], tmp_path / "audit")
    assert (found["log_valid"], found["receipts_invalid"]) == (False, 1)


def test_what_was_admitted_and_never_closed_is_open_once_its_deadline_is_past(rows: Rows) -> None:
    deadline_s = json_of(next(row for row in rows if row["kind"] == "request")["fields"])["deadline_us"] / 1e6
    planted = without(rows, IDS[0], 4)
    assert wrong([], planted, deadline_s) == {}
    assert wrong([], planted, deadline_s + 60) == {"open_after_deadline": 1}
    assert wrong([], rows, deadline_s + 60) == {}


def test_a_record_or_an_ending_that_came_twice(rows: Rows) -> None:
    window, answer = (next(row for row in rows if row["kind"] == kind) for kind in ("window", "answer"))
    assert wrong([], [*rows, window | {"idx": 99}]) == {"records_twice": 1}
    assert wrong([], [*rows, answer | {"idx": 99, "seq": 9, "kind": "interrupted"}]) == {"closed_twice": 1}


def test_a_refusal_counts_as_an_answer_and_its_text_has_to_be_logged(world: World) -> None:
    body = json.dumps({"error": {"code": "content_filter", "message": "No.", "preceptor": {"receipt": "x"}}})
    one = Heard(0, 1.0, 2.0, 400, IDS[3], False, "", body)
    refused = {"origin": "o", "idx": 1, "request_id": IDS[3], "seq": 1, "kind": "refusal", "fields": {}}
    asked = refused | {"seq": 0, "idx": 0, "kind": "request", "action": "REFUSE", "text": None}
    assert one.is_refusal
    assert wrong([one], [asked, refused | {"action": "REFUSE", "text": "No."}]) == {}
    assert wrong([one], [asked, refused | {"action": "REFUSE", "text": "Yes"}]) == {"unlogged_bytes": 3}


def test_a_line_of_a_journal_that_was_cut_does_not_count(tmp_path: Path, heard: list[Heard]) -> None:
    from dataclasses import asdict

    lines = [json.dumps(asdict(one)) + "\n" for one in heard]
    (tmp_path / "journal").write_text("".join(lines)[:-20])
    assert read(tmp_path / "journal") == heard[:-1]


def test_figures_sum_the_last_check_of_each_run_and_tell_faults_from_calm(heard: list[Heard]) -> None:
    clean = dict.fromkeys(WRONG, 0) | {"log_valid": True, "questions": 7}
    one = {"run": "a", "setting": "one"}
    hit = one | {"fault": "kill Model", "begin": 10.0, "lasts_s": 0.0, "back_s": 4.0}
    rated = chaos_figures.rates([replace(heard[0], intended_at=9.0, ended_at=11.0), heard[2]], [hit])
    assert rated == {"during": {"good": 1}, "outside": {"broken off": 1}}
    first = one | {"checked": clean, "outcomes": rated}
    second = one | {"checked": clean | {"unlogged_bytes": 3}, "outcomes": rated}
    unchecked = hit | {"run": "b"}
    told = chaos_figures.figures([hit, first, hit | {"back_s": None}, second, unchecked])
    assert (told["faults_injected"], told["questions"], told["unlogged_bytes"]) == (2, 7, 3)
    assert told["every_check_clean"] is False
    assert told["never_back"] == ["one: kill Model"]
    assert told["settings"]["one"]["kinds"]["kill Model"]["first_good_answer_s"] == {"p50": 4.0, "max": 4.0}
    assert told["settings"]["one"]["answers"]["outside"] == {"broken off": 1, "share_good": 0.0}
