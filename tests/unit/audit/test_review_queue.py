"""The review queue is a view: what awaits a look and where that stands follows from the records alone."""

import time

import pyarrow as pa
import pytest

from audit import confined
from audit.reading import read_root
from audit.record import Entry, Kind
from audit.sandbox import Request, files_of

TEACH = {"action": "TEACH", "category": "harmful_operational", "score_ppm": 600_000}
REFUSE = {"action": "REFUSE", "category": "harmful_operational", "score_ppm": 900_000}
HOUR_US = 3_600_000_000


class Desk:
    """A root to which a test adds records, and its queue."""

    def __init__(self, world) -> None:
        self.world, self.exchange, self.control = world, world.open(), world.open("control")
        self.count = 0

    def ask(self, name: str, **judged: object) -> None:
        assert not any(isinstance(r, Exception) for r in self.exchange.append([self.world.request(name, **judged)]))

    def say(self, kind: Kind, **fields: object) -> None:
        self.count += 1
        entry = Entry(kind, f"{kind}-{self.count}", 0, "school", "", fields, actor="test")
        assert not any(isinstance(result, Exception) for result in self.control.append([entry]))

    def label(self, about: str, reviewer: str, label: str = "harmful", expected: str = "REFUSE") -> None:
        self.say(Kind.review, about=about, decision="label", label=label, expected=expected, reviewer=reviewer)

    def queue(self) -> dict[str, dict]:
        database = confined.connect(Request("", files_of(read_root(self.world.root))))
        with pa.ipc.open_stream(confined.select(database, "from review_queue")) as reader:
            return {row["about"]: row for row in reader.read_all().to_pylist()}


@pytest.fixture
def desk(world) -> Desk:
    return Desk(world)


def test_what_was_refused_doubted_appealed_found_or_alerted_awaits_a_look(desk) -> None:
    desk.ask("refused", **REFUSE)
    desk.ask("doubted", **TEACH)
    desk.ask("taught", **TEACH | {"category": "dual_use"})
    desk.ask("allowed")
    desk.ask("found")
    desk.ask("held")
    desk.ask("shadowed")
    desk.say(Kind.appeal, about="refused")
    desk.say(Kind.finding, campaign="c", attack="rot13", outcome="bypassed", about="found", expected="REFUSE")
    desk.say(Kind.finding, campaign="c", attack="rot13", outcome="held", about="held", expected="REFUSE")
    desk.say(Kind.shadow, about="shadowed", guard_digest="g", **REFUSE)
    desk.say(Kind.alert, rule="high_risk", severity="critical", about="refused")
    desk.say(Kind.alert, rule="stale", severity="warning")
    queue = desk.queue()
    reasons = {about: row["reasons"] for about, row in queue.items() if row["reasons"] != ["random"]}
    assert reasons == {
        "refused": ["alert", "appeal", "flagged"], "doubted": ["doubt"], "found": ["finding"],
        "shadowed": ["disagreement"], "alert-6": ["alert"],
    }  # fmt: skip
    assert queue["refused"]["priority"] == 6
    assert (queue["refused"]["action"], queue["refused"]["score"]) == ("REFUSE", 0.9)
    assert queue["refused"]["subject"]
    assert {row["state"] for row in queue.values()} == {"open"}


def test_about_one_in_a_hundred_of_what_was_allowed_is_looked_at_and_always_the_same_ones(desk) -> None:
    for number in range(700):
        desk.ask(f"allowed-{number}")
    drawn = {about for about, row in desk.queue().items() if row["reasons"] == ["random"]}
    assert 1 <= len(drawn) <= 20
    assert drawn == set(desk.queue())


def test_two_labels_agree_or_are_disputed_until_somebody_decides(desk) -> None:
    for name in ("one", "two", "three", "four"):
        desk.ask(name, **REFUSE)
    for name in ("two", "three", "four"):
        desk.label(name, "a" * 64)
    desk.label("three", "b" * 64)
    desk.label("four", "b" * 64, "educational", "ALLOW")
    desk.label("two", "a" * 64)  # the same reviewer again is still one label
    assert {name: row["state"] for name, row in desk.queue().items()} == {
        "one": "open", "two": "labelled", "three": "agreed", "four": "disputed",
    }  # fmt: skip
    desk.say(Kind.review, about="four", decision="overturn", label="educational", expected="ALLOW", reviewer="c" * 64)
    assert desk.queue()["four"]["state"] == "decided"
    assert desk.queue()["four"]["decision"] == "overturn"
    desk.say(Kind.appeal, about="four")
    assert desk.queue()["four"]["state"] == "disputed"  # an appeal after the decision opens it again


def test_a_lease_is_held_until_it_ends_is_given_back_or_a_label_follows(desk) -> None:
    soon = time.time_ns() // 1000 + HOUR_US
    for name in ("held", "late", "given", "done"):
        desk.ask(name, **REFUSE)
        until = soon if name != "late" else 1
        desk.say(Kind.review, about=name, decision="claim", reviewer="a" * 64, until_us=until)
    desk.say(Kind.review, about="given", decision="release", reviewer="a" * 64)
    desk.label("done", "a" * 64)
    queue = desk.queue()
    assert {name: row["held_by"] for name, row in queue.items()} == {
        "held": "a" * 64, "late": None, "given": None, "done": None,
    }  # fmt: skip
    assert queue["held"]["held_until"] is not None
    last = queue["held"]["last"]
    assert desk.control.tail(last)[0]["fields"]["decision"] == "claim"


def test_a_note_is_kept_under_the_key_of_whom_it_is_about(desk) -> None:
    desk.ask("asked", **REFUSE)
    tag = desk.queue()["asked"]["subject"]
    fields = {"about": "asked", "decision": "uphold", "reviewer": "a" * 64}
    note = Entry(Kind.review, "note", 0, "school", "", fields, "No permission was named.", "reviewer", None, tag)
    (receipt,) = desk.control.append([note])
    assert not isinstance(receipt, Exception)
    assert desk.control.tail(0)[-1]["subject"] == tag
    (refused,) = desk.control.append([Entry(Kind.review, "n2", 0, "school", "", fields, "x", "r", None, "f" * 64)])
    assert "subject_tag" in str(refused)
