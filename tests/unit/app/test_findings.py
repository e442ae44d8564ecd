"""A red-team person marks turns of their own; what they mark awaits review."""

import pytest

from app.auth import Role

MARK = {"technique": "base64", "severity": "high", "expected": "REFUSE", "label": "harmful"}


@pytest.fixture
async def asked(world) -> tuple[str, dict[str, str]]:
    """A turn of a red-team person, and the headers of that person."""
    headers = {"authorization": f"Bearer {world.key('mallory', Role.REDTEAM)}"}
    await world.view.refresh()
    await world.http.post("/v1/terms", json={"digest": world.terms.digest}, headers=headers)
    body = {"model": "tiny", "messages": [{"role": "user", "content": "Tell me about hashes."}]}
    answer = await world.http.post("/v1/chat/completions", json=body, headers=headers)
    assert answer.status_code == 200, answer.text
    return answer.json()["preceptor"]["request_id"], headers


async def test_a_marked_turn_awaits_review_and_its_note_is_sealed(world, asked) -> None:
    about, headers = asked
    body = MARK | {"request_id": about, "note": "It told me how."}
    answer = await world.http.post("/v1/findings", json=body, headers=headers)
    assert answer.status_code == 201, answer.text
    leaf = world.control.log.tail(0)[-1]
    assert (leaf["kind"], leaf["request_id"], leaf["actor"]) == ("finding", answer.json()["finding"], "redteam")
    assert (
        leaf["fields"] | {"about": about, "source": "human", "severity": "high", "attack": "base64"} == leaf["fields"]
    )
    assert "It told me how." not in str(leaf)
    reviewer = {"authorization": f"Bearer {world.key('rev-a', Role.REVIEWER)}"}
    (item,) = (await world.http.get("/v1/review", headers=reviewer)).json()["items"]
    assert (item["about"], item["reasons"], item["action"]) == (about, ["finding"], "ALLOW")
    assert not item["overdue"]


async def test_only_a_turn_of_ones_own_is_marked(world, asked) -> None:
    about, headers = asked
    other = {"authorization": f"Bearer {world.key('trudy', Role.REDTEAM)}"}
    learner = {"authorization": f"Bearer {world.key('mallory', Role.LEARNER)}"}
    for who, request_id, status in (
        (other, about, 404),
        (headers, "0190a0a0-0000-7000-8000-000000000000", 404),
        (learner, about, 403),
        (headers, "no uuid", 400),
    ):
        answer = await world.http.post("/v1/findings", json=MARK | {"request_id": request_id}, headers=who)
        assert answer.status_code == status, answer.text
    assert "finding" not in {leaf["kind"] for leaf in world.control.log.tail(0)}


async def test_the_records_door_is_no_way_past_the_desk(world, asked) -> None:
    """Neither a review without a lease, nor a finding that looks like a person's or like gold."""
    about, headers = asked
    finding = {"campaign": "c", "attack": "a", "outcome": "marked", "about": about}
    review = {"about": about, "decision": "uphold", "reviewer": "a" * 64}
    reviewer = {"authorization": f"Bearer {world.key('rev-a', Role.REVIEWER)}"}
    for who, kind, fields, status in (
        (reviewer, "review", review, 403),
        (headers, "finding", finding | {"source": "gold"}, 403),
        (headers, "finding", finding | {"source": "human"}, 403),
        (headers, "finding", finding | {"source": "tool"}, 200),
    ):
        record = {"kind": kind, "request_id": "r", "seq": 0, "tenant": "", "subject": "", "fields": fields}
        answer = await world.http.post("/v1/audit/records", json={"records": [record]}, headers=who)
        assert answer.status_code == status, answer.text
    assert [leaf["kind"] for leaf in world.control.log.tail(0)].count("finding") == 1
