"""Tenants share nothing: each route is tried across them, by whoever sees most in a tenant of their own."""

from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest

from app.auth import OPERATOR, Role
from app.settings import Limits
from audit.monitoring.alert import Alert
from audit.record import Entry, Kind
from tests.unit.app.conftest import World

BANK = "bank' or '1'='1"
"""A tenant's name that would open every row to whoever puts it into SQL as it is."""


class Person:
    """Somebody with a key, of a tenant."""

    def __init__(self, world: World, name: str, tenant: str, role: Role = Role.LEARNER) -> None:
        self.http, self.view = world.http, world.view
        self.headers = {"authorization": f"Bearer {world.key(name, role, tenant=tenant)}"}

    async def get(self, path: str, **asked: Any) -> httpx.Response:
        await self.view.refresh()  # a slow test outlives the ten seconds for which a view counts
        return await self.http.get(path, params=asked, headers=self.headers)

    async def post(self, path: str, **body: Any) -> httpx.Response:
        await self.view.refresh()
        return await self.http.post(path, json=body, headers=self.headers)

    async def ask(self, world: World, text: str) -> str:
        """The id of a question of theirs."""
        await self.post("/v1/terms", digest=world.terms.digest)
        said = await self.post("/v1/chat/completions", model="tiny", messages=[{"role": "user", "content": text}])
        body = said.json()
        return str((body if said.status_code == 200 else body["error"])["preceptor"]["request_id"])


@pytest.fixture
async def two(tmp_path: Path) -> World:
    """A bank and everybody else, in one log."""
    world = World(tmp_path, Limits(deadline_s=30))
    await world.accept()
    return world


@pytest.fixture
async def apart(tmp_path: Path) -> World:
    """The same, but the bank has two logs of its own."""
    world = World(tmp_path, Limits(deadline_s=30), tenants={BANK: [1, 2]})
    await world.accept()
    return world


@pytest.fixture(params=["two", "apart"])
def world(request: pytest.FixtureRequest) -> World:
    return request.getfixturevalue(request.param)


async def test_receipts_are_seen_in_their_tenant_and_by_the_operator(world: World) -> None:
    teller = Person(world, "ada", BANK)
    asked = await teller.ask(world, "What is a firewall?")
    seen = {
        (role, tenant): (await Person(world, "eve", tenant, role).get(f"/v1/receipts/{asked}")).status_code
        for role in Role
        for tenant in (BANK, "school", OPERATOR)
    }
    allowed = {(role, tenant) for role in (Role.AUDITOR, Role.ADMIN) for tenant in (BANK, OPERATOR)}
    assert {who for who, status in seen.items() if status == 200} == allowed
    assert {status for who, status in seen.items() if who not in allowed} == {404}
    assert (await teller.get(f"/v1/receipts/{asked}")).status_code == 200
    assert (await Person(world, "ada", "school").get(f"/v1/receipts/{asked}")).status_code == 404  # a namesake


async def test_appeals_and_findings_are_about_ones_own(world: World) -> None:
    asked = await Person(world, "red", BANK, Role.REDTEAM).ask(world, "HARMWORD")
    mark = {"request_id": asked, "technique": "direct", "severity": "low", "expected": "REFUSE"}
    for tenant, role, status in (
        (BANK, Role.REDTEAM, 201), ("school", Role.REDTEAM, 404),
        ("school", Role.ADMIN, 404), (OPERATOR, Role.ADMIN, 404),
    ):  # fmt: skip
        name = "red" if status == 201 else "eve"
        assert (await Person(world, name, tenant, role).post("/v1/findings", **mark)).status_code == status
    for name, tenant, status in (("red", BANK, 202), ("red", "school", 404), ("eve", BANK, 404)):
        appeal = await Person(world, name, tenant).post("/v1/appeals", request_id=asked, reason="no")
        assert appeal.status_code == status, (name, tenant)
    nothing = await Person(world, "red", BANK).post("/v1/appeals", request_id=str(uuid4()), reason="no")
    assert nothing.status_code == 404


async def test_the_desk_shows_and_takes_what_is_of_the_tenant(world: World) -> None:
    asked = await Person(world, "ada", BANK).ask(world, "HARMWORD")
    other = await Person(world, "ada", "school").ask(world, "HARMWORD")
    queues = {}
    for tenant in (BANK, "school", "elsewhere", OPERATOR):
        queue = await Person(world, "rev", tenant, Role.REVIEWER).get("/v1/review")
        queues[tenant] = {item["about"] for item in queue.json()["items"]}
    assert queues == {BANK: {asked}, "school": {other}, "elsewhere": set(), OPERATOR: {asked, other}}
    said = {"label": "harmful", "expected": "REFUSE"}
    bodies: dict[str, dict[str, Any]] = {
        "text": {}, "claim": {}, "release": {}, "label": said, "decide": said | {"decision": "uphold"}
    }  # fmt: skip
    for role in (Role.REVIEWER, Role.ADMIN):
        stranger = Person(world, "rev", "school", role)
        assert (await stranger.get(f"/v1/review/{asked}")).status_code == 404
        for route, body in bodies.items():
            assert (await stranger.post(f"/v1/review/{asked}/{route}", **body)).status_code == 404, route
    own = Person(world, "rev", BANK, Role.REVIEWER)
    for route in ("claim", "text", "label"):
        assert (await own.post(f"/v1/review/{asked}/{route}", **bodies[route])).status_code == 200, route


async def test_agreement_is_among_a_tenants_own_reviewers(world: World) -> None:
    asked = await Person(world, "ada", BANK).ask(world, "HARMWORD")
    for name in ("rev-a", "rev-b"):
        reviewer = Person(world, name, BANK, Role.REVIEWER)
        await reviewer.post(f"/v1/review/{asked}/claim")
        done = await reviewer.post(f"/v1/review/{asked}/label", label="harmful", expected="REFUSE")
        assert done.status_code == 200
    shown = {}
    for tenant in (BANK, "school", OPERATOR):
        told = await Person(world, "aud", tenant, Role.AUDITOR).get("/v1/review/agreement")
        shown[tenant] = (told.json()["items"], told.json()["labelled_twice"])
    assert shown == {BANK: (1, 1), "school": (0, 0), OPERATOR: (1, 1)}


def record(kind: Kind, tenant: str, fields: dict[str, Any], subject: str = "") -> dict[str, Any]:
    return Entry(kind, str(uuid4()), 0, tenant, subject, fields).to_json()


async def test_an_admin_of_a_tenant_makes_records_of_that_tenant_alone(world: World) -> None:
    admin, digest = Person(world, "boss", "school", Role.ADMIN), "c" * 64
    model = {"name": "tiny", "model_digest": digest, "base": "tiny", "adapter_digest": None, "weights": {}}
    denied = {
        "a model for all": record(Kind.promotion, "school", model),
        "a model of nobody's": record(Kind.promotion, "", model),
        "another tenant's grant": record(Kind.grant, BANK, {"jti": "a", "role": "admin", "expires_us": 1}, "eve"),
        "the operator's grant": record(Kind.grant, OPERATOR, {"jti": "a", "role": "admin", "expires_us": 1}, "eve"),
        "another's acceptance": record(Kind.terms, BANK, {"terms_digest": world.terms.digest, "version": "1"}, "ada"),
        "another's revocation": record(Kind.revocation, BANK, {"before_us": 2**50}, "ada"),
        "a key of anybody's": record(Kind.revocation, "school", {"jti": "somebody's"}),
        "a revocation without fields": record(Kind.revocation, "school", {}) | {"fields": None},
        "a condition on what others do": record(Kind.terms, "school", {"terms_digest": digest, "version": "1"}, "ada")
        | {"if_last": ["review/somebody's", 0]},
        "an alert": record(Kind.alert, "school", {"rule": "x", "severity": "info", "about": None, "value_ppm": None}),
    }
    size = world.control.log.size
    for name, raw in denied.items():
        answer = await admin.post("/v1/audit/records", records=[raw])
        assert (answer.status_code, answer.json()["error"]["code"]) == (403, "tenant_not_allowed"), name
    assert world.control.log.size == size
    assert world.counts["tenant_not_allowed"] == len(denied)
    own = [
        record(Kind.grant, "school", {"jti": "a", "role": "learner", "expires_us": 1}, "eve"),
        record(Kind.revocation, "school", {"before_us": 2**50}, "mallory"),
    ]
    done = await admin.post("/v1/audit/records", records=own)
    assert all("receipt" in result for result in done.json()["results"]), done.text


async def test_what_a_tool_of_a_tenant_finds_is_that_tenants(world: World) -> None:
    fields = {
        "campaign": "c",
        "attack": "direct",
        "outcome": "passed",
        "about": None,
        "category": None,
        "source": "tool",
    }
    raw = record(Kind.finding, "", fields)
    done = await Person(world, "red", BANK, Role.REDTEAM).post("/v1/audit/records", records=[raw])
    assert "receipt" in done.json()["results"][0], done.text
    again = await Person(world, "red", BANK, Role.REDTEAM).post("/v1/audit/records", records=[raw])
    assert again.json()["results"] == done.json()["results"]  # a repeat is the same record
    for tenant, seen in ((BANK, 1), ("school", 0), (OPERATOR, 1)):
        queue = await Person(world, "rev", tenant, Role.REVIEWER).get("/v1/review")
        assert len(queue.json()["items"]) == seen, tenant


def finding(about: str | None, **more: str) -> dict[str, Any]:
    return {"campaign": "c", "attack": "direct", "outcome": "passed", "about": about, "category": None} | more


@pytest.mark.parametrize("role", [Role.REDTEAM, Role.ADMIN])
async def test_nobody_reaches_into_another_tenants_queue_by_an_id_that_they_know(world: World, role: Role) -> None:
    asked = await Person(world, "ada", BANK).ask(world, "What is a firewall?")
    mallory = Person(world, "mallory", "school", role)
    about, named = record(Kind.finding, "", finding(asked)), record(Kind.finding, "", finding(None))
    for raw in (about, named | {"request_id": asked}, about | {"request_id": asked}):
        (result,) = (await mallory.post("/v1/audit/records", records=[raw])).json()["results"]
        assert result["error"]["code"] == "NotFound", raw
    for tenant in (BANK, "school", OPERATOR):
        queue = await Person(world, "rev", tenant, Role.REVIEWER).get("/v1/review")
        assert queue.json()["items"] == [], tenant


async def test_nobody_of_a_tenant_takes_the_place_of_an_alert_to_come(world: World) -> None:
    alert = Alert.found("burst", "critical", tenant="school", window=7)
    mallory = Person(world, "mallory", "school", Role.REDTEAM)
    taken = record(Kind.finding, "", finding(None)) | {"request_id": alert.id}
    assert "receipt" in (await mallory.post("/v1/audit/records", records=[taken])).json()["results"][0]
    root = Person(world, "monitor", OPERATOR, Role.ADMIN)
    assert "receipt" in (await root.post("/v1/audit/records", records=[alert.entry().to_json()])).json()["results"][0]


async def test_a_record_of_anothers_under_the_same_id_opens_no_text(world: World) -> None:
    """As if the door had been passed by: such a record neither hides the exchange nor shows its text to its author."""
    asked = await Person(world, "ada", BANK).ask(world, "HARMWORD of the bank")
    entry = Entry(Kind.finding, asked, 7, "school", "mallory", finding(None), "a note of mallory's", "redteam")
    assert await world.control.append([entry])
    stranger = Person(world, "rev", "school", Role.REVIEWER)
    assert (await stranger.get("/v1/review")).json()["items"] == []
    for route in ("claim", "text"):
        assert (await stranger.post(f"/v1/review/{asked}/{route}")).status_code == 404, route
    own = Person(world, "rev", BANK, Role.REVIEWER)
    assert [item["about"] for item in (await own.get("/v1/review")).json()["items"]] == [asked]
    assert (await own.post(f"/v1/review/{asked}/claim")).status_code == 200
    shown = (await own.post(f"/v1/review/{asked}/text")).text
    assert ("HARMWORD of the bank" in shown, "mallory" in shown) == (True, False)


async def test_only_the_operators_gold_items_are_everybodys_measure(world: World) -> None:
    asked = await Person(world, "ada", BANK).ask(world, "HARMWORD")
    boss = Person(world, "boss", "school", Role.ADMIN)
    gold = finding(None, source="gold") | {"category": "educational"}
    (result,) = (await boss.post("/v1/audit/records", records=[record(Kind.finding, "", gold)])).json()["results"]
    assert "receipt" in result  # it is one of the school's, and no gold item
    denied = await boss.post("/v1/audit/records", records=[record(Kind.finding, "gold", gold)])
    assert denied.json()["error"]["code"] == "tenant_not_allowed"
    fake = Entry(Kind.finding, asked, 9, "school", "", gold, actor="operator")
    assert await world.control.append([fake])
    reviewer = Person(world, "rev", BANK, Role.REVIEWER)
    await reviewer.post(f"/v1/review/{asked}/claim")
    await reviewer.post(f"/v1/review/{asked}/label", label="harmful", expected="REFUSE")
    assert (await reviewer.get("/v1/review/agreement")).json()["gold"] == {}


async def test_a_tenant_with_logs_of_its_own_shares_them_with_nobody(apart: World) -> None:
    for number in range(6):
        await Person(apart, f"t{number}", BANK).ask(apart, "What is a firewall?")
        await Person(apart, f"s{number}", "school").ask(apart, "What is a firewall?")
    await Person(apart, "op", OPERATOR).ask(apart, "What is a firewall?")
    held = [{leaf["tenant"] for leaf in log.log.tail(0) if leaf["kind"] == "request"} for log in apart.exchanges]
    assert held[0] == {"school", OPERATOR}
    assert held[1] | held[2] == {BANK}
    heads = {
        tenant: len((await Person(apart, "x", tenant).get("/v1/audit/checkpoints")).json()["checkpoints"])
        for tenant in (BANK, "school", OPERATOR)
    }
    assert heads == {BANK: 3, "school": 2, OPERATOR: 4}  # the control log's among them


def test_a_requests_log_follows_from_its_tenant_and_id(apart: World) -> None:
    for _ in range(200):
        request_id = str(uuid4())
        assert apart.tutor.log_of(BANK, request_id) is apart.tutor.log_of(BANK, request_id)
        assert apart.tutor.log_of(BANK, request_id) in apart.exchanges[1:]
        assert apart.tutor.log_of("school", request_id) is apart.exchanges[0]


async def test_limits_and_pseudonyms_are_of_tenant_and_subject(make_world) -> None:
    world = await make_world(Limits(requests_per_minute=3))
    ada, namesake = Person(world, "ada", "school"), Person(world, "ada", BANK)
    statuses = [(await ada.get("/v1/audit/checkpoints")).status_code for _ in range(4)]
    assert statuses[-1] == 429
    assert (await namesake.get("/v1/audit/checkpoints")).status_code == 200
    assert await world.view.tag("school", "ada") != await world.view.tag(BANK, "ada")
    subjects = world.control.log.keys.subjects
    assert subjects.of("school", "ada") != subjects.of(BANK, "ada")
