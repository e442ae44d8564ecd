"""The command: what it is given, what it refuses, and that a log which does not verify is said to before all else."""

import hashlib
import json
import re
from pathlib import Path

import pytest

from audit import query, report
from audit.record import Entry, Kind
from audit.reports import definition
from audit.reports.errors import BadOrder
from tests.unit.audit.report_fixture import END, PROMOTED, START, tell

DOCUMENT = (Path(__file__).resolve().parents[3] / "docs" / "reports.md").read_text()
PERIOD = ("--from", START, "--to", END)


@pytest.fixture
def told(tmp_path):
    return tell(tmp_path)


@pytest.fixture
def run(capfdbinary):
    def ran(*arguments: object) -> tuple[int, bytes, str]:
        code = report.main([str(one) for one in arguments])
        out, err = capfdbinary.readouterr()
        return code, out, err.decode()

    return ran


def printed(run, world, *more: object) -> tuple[int, dict]:
    code, out, _ = run("incidents", world.root, *PERIOD, "--format", "json", *more)
    return code, json.loads(out)


def test_the_list_is_the_documents(run):
    code, out, _ = run("--list")
    listed = [tuple(line.split(maxsplit=1)) for line in out.decode().splitlines()]
    assert code == 0
    assert listed == re.findall(r"^\| `(\w+)` \| ([^|]+?) \|", DOCUMENT.split("**What it rests on.**")[0], re.MULTILINE)
    assert len(listed) == 13


def test_each_form_goes_to_stdout_or_to_a_file(run, told, tmp_path, monkeypatch):
    monkeypatch.setenv("PRECEPTOR_LOG", str(told.root))
    code, out, err = run("incidents", *PERIOD)
    assert (code, out[:15]) == (0, b"<!DOCTYPE html>"[:15])
    assert "verifying the log" in err
    file = tmp_path / "incidents.pdf"
    assert run("incidents", *PERIOD, "--format", "pdf", "--out", file)[:2] == (0, b"")
    assert file.read_bytes().startswith(b"%PDF-")
    assert [path.name for path in tmp_path.glob(".*half")] == []


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["nonsense", "ROOT", *PERIOD], "expected a name that --list gives"),
        (["../incidents", "ROOT", *PERIOD], "expected a name that --list gives"),
        (["incidents", "ROOT", "--from", "2040-01-01"], "expected NAME, --from and --to"),
        (["incidents", "ROOT", "--from", "yesterday", "--to", END], "--from: expected an ISO date"),
        (["incidents", "ROOT", "--from", "2040-01-01'; drop view records; --", "--to", END], "expected an ISO date"),
        (["incidents", "ROOT", "--from", END, "--to", START], "expected --from before --to"),
        (["incidents", "ROOT/none", *PERIOD], "no such folder"),
        (["incidents", *PERIOD], "expected ROOT or PRECEPTOR_LOG"),
        (["incidents", "ROOT", *PERIOD, "--evidence", "ROOT/none.json"], "evidence: expected a file"),
        (["incidents", "ROOT", *PERIOD, "--evidence", "FILE", "--evidence", "FILE"], "each name once"),
        (["human_oversight", "ROOT", *PERIOD, "--keys", "ROOT/none"], "none: No such file"),
    ],
)
def test_what_is_refused(run, told, monkeypatch, arguments, said):
    monkeypatch.delenv("PRECEPTOR_LOG", raising=False)
    filled = [one.replace("ROOT", str(told.root)).replace("FILE", __file__) for one in arguments]
    code, out, err = run(*filled)
    assert (code, out) == (2, b"")
    assert said in err


def test_a_root_without_logs_is_unreadable(run, tmp_path):
    (tmp_path / "audit").mkdir()
    code, out, err = run("incidents", tmp_path / "audit", *PERIOD)
    assert (code, out) == (2, b"")
    assert "empty" in err


def flip(world) -> None:
    """One bit of a record in the middle of the control log."""
    file = world.segments("control")[20]
    data = bytearray(file.read_bytes())
    data[len(data) // 4] ^= 1
    file.write_bytes(data)


def drop(world) -> None:
    """A file in the middle."""
    world.segments("control")[20].unlink()


def swap(world) -> None:
    """Two files, each in the other's place."""
    one, other = world.segments("control")[20:22]
    first, second = one.read_bytes(), other.read_bytes()
    one.write_bytes(second)
    other.write_bytes(first)


@pytest.mark.parametrize("spoil", [flip, drop, swap])
def test_a_log_that_does_not_verify_is_printed_and_says_so_first(run, told, spoil):
    spoil(told)
    code, found = printed(run, told)
    assert code == 1
    assert found["integrity"]["valid"] is False
    assert found["integrity"]["first_bad"]["file"].startswith("control/seg/")
    assert found["sections"][0]["heading"] == "Alerts by rule"
    code, out, _ = run("incidents", told.root, *PERIOD)
    page = out.decode()
    assert code == 1
    assert page.index("THE LOG DOES NOT VERIFY") < page.index("First fault: control/seg/") < page.index("<h1>")


def test_what_cannot_be_read_any_more_is_named_for_each_section(run, told):
    for file in told.segments("control")[10:]:
        file.write_bytes(file.read_bytes()[:40])
    code, found = printed(run, told)
    assert code == 1
    assert all(
        one["absent"].startswith("cannot be read: ") for one in found["sections"] if "not recorded" not in one["absent"]
    )


def test_another_key_than_the_one_from_outside(run, told, tmp_path):
    code, found = printed(run, told, "--key", told.root / "log.vkey")
    assert (code, found["integrity"]["key_source"]) == (0, "given")
    (tmp_path / "other").mkdir()
    stranger = tell(tmp_path / "other")
    assert printed(run, told, "--key", stranger.root / "log.vkey")[0] == 1


def test_a_checkpoint_from_outside_is_held_against_the_log(run, told, tmp_path):
    kept = tmp_path / "kept"
    kept.write_text(told.open().checkpoint())
    code, found = printed(run, told, "--checkpoint", kept)
    assert (code, found["integrity"]["notes"]) == (0, [])
    told.segments()[-1].unlink()
    code, found = printed(run, told, "--checkpoint", kept)
    assert (code, found["integrity"]["valid"]) == (1, False)


def test_evidence_says_whether_a_record_of_ours_names_it(run, told, tmp_path):
    named, claimed = tmp_path / "README.md", tmp_path / "claimed.txt"
    named.write_text("# A card")
    claimed.write_text("named by a user, which counts for nothing")
    digests = {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in (named, claimed)}
    promotion = PROMOTED | {"weights": {"README.md": digests["README.md"]}}
    told.open("control").append([Entry(Kind.promotion, "card", 0, "", "", promotion, actor="operator")])
    told.open().append([told.request("u1", client_request_id=digests["claimed.txt"])])
    code, found = printed(run, told, "--evidence", named, "--evidence", claimed)
    assert code == 0
    assert [(one["name"], one["sha256"], one["named_by"]) for one in found["evidence"]] == [
        ("README.md", digests["README.md"], ["promotion"]), ("claimed.txt", digests["claimed.txt"], []),
    ]  # fmt: skip


def test_with_keys_who_prints_is_on_record_and_the_report_covers_that_record(run, told):
    code, out, _ = run("human_oversight", told.root, *PERIOD, "--format", "json", "--keys", told.home / "keys")
    found = json.loads(out)
    assert code == 0
    (decisions,) = [one for one in found["sections"] if one["heading"] == "Decisions"]
    assert [row["text"] is not None for row in decisions["table"]["rows"]] == [True, True, False, False]
    accesses = query.query(
        told.root, "select text, fields from records where kind = 'access' order by idx", told.home / "keys"
    )
    last = accesses.to_pylist()[-1]
    assert last["text"] == "report human_oversight"
    assert json.loads(last["fields"])["records"] == 2
    assert found["integrity"]["heads"][0]["size"] == told.open("control").size - 1  # less this test's own query


@pytest.mark.parametrize(
    ("part", "said"),
    [
        ({"sql": "select 1", "missing": "none"}, "expected one of sql"),
        ({"columns": [{"name": "a", "heading": "A"}]}, "expected one of sql"),
        ({"sql": "select 1"}, "expected columns"),
        ({"sql": "select 1", "columns": [{"name": "a", "heading": "A", "unit": "miles"}]}, "unit"),
    ],
)
def test_a_definition_is_checked_when_it_is_read(tmp_path, monkeypatch, part, said):
    made = {"number": 1, "title": "T", "purpose": "P", "sections": [{"heading": "H", "says": "S"} | part]}
    (tmp_path / "made.yaml").write_text(json.dumps(made))
    monkeypatch.setattr(definition, "CATALOGUE", tmp_path)
    with pytest.raises(BadOrder, match=said):
        definition.read("made")


def test_logs_in_an_object_store(run, begin, url):
    world = begin(url)
    world.open("control").append([Entry(Kind.alert, "a", 0, "", "", {"rule": "stale", "severity": "info"}, actor="x")])
    code, out, _ = run("incidents", url, "--from", "2020-01-01", "--to", "2100-01-01", "--format", "json")
    found = json.loads(out)
    assert (code, found["integrity"]["valid"]) == (0, True)
    assert [row["rule"] for row in found["sections"][1]["table"]["rows"]] == ["stale"]
    assert all(head["signed"] for head in found["integrity"]["heads"])
