"""POST /v1/verify and GET /v1/audit/keys, on a real log."""

import json
import time

import pytest

from app import provenance
from app.auth import OPERATOR, Role
from app.settings import Limits
from audit.erasure import erase
from audit.keyring import parse_ring
from audit.proof import Proof, check_receipt
from tests.unit.app.conftest import World

UUID = "01900000-0000-7000-8000-000000000001"
LINE = f"— Preceptor, a language model\u2019s answer to ada, 2026-01-01 10:00 UTC, record {UUID}, see https://t.example/verify"
BLOCK = "-----BEGIN PRECEPTOR RECEIPT-----\nc2sp.org/tlog-proof@v1\n-----END PRECEPTOR RECEIPT-----\n"


async def looks(world: World, text: str, **who: object) -> dict:
    key = world.key(**({"subject": "ada"} | who))
    answer = await world.http.post("/v1/verify", json={"text": text}, headers={"authorization": f"Bearer {key}"})
    assert answer.status_code == 200, answer.text
    return answer.json()


@pytest.fixture
async def asked(world: World) -> dict:
    return (await world.ask()).json()


async def test_a_copied_answer_leads_to_its_record(world: World, asked: dict) -> None:
    laid_out = world.model.text.replace(". ", ".\n\n")
    reply = await looks(world, f"  {laid_out}\n\n{LINE}\n\n{BLOCK}", subject="bob")
    (match,) = reply["matches"]
    made = asked["preceptor"]
    assert match["request_id"] == made["request_id"]
    assert (match["model"], match["policy"]) == (made["model"], made["policy"])
    assert "ada" not in json.dumps(reply)
    assert check_receipt(match["receipt"], parse_ring((world.root / "log.vkey").read_bytes())) is not None
    leaf = json.loads(json.loads(Proof.parse(match["receipt"]).extra)["leaf"])
    assert leaf["fields"]["model_digest"] == made["model"]["digest"]
    assert leaf["fields"]["policy_digest"] == made["policy"]["digest"]
    assert leaf["ts"] == match["ts"]


async def test_the_newest_of_many_come_first_and_ten_at_most(world: World) -> None:
    ids = [(await world.ask()).json()["preceptor"]["request_id"] for _ in range(12)]
    found = [match["request_id"] for match in (await looks(world, world.model.text))["matches"]]
    assert found == ids[::-1][:10]


async def test_altered_or_foreign_text_is_not_found(world: World, asked: dict) -> None:
    nothing = {"found": False, "matches": []}
    assert await looks(world, world.model.text.replace("past", "before")) == nothing
    assert await looks(world, f"{LINE}\n{world.model.text}") == nothing
    assert await looks(world, world.model.text, tenant="bank") == nothing
    assert await looks(world, world.model.text, tenant="bank", role=Role.AUDITOR) == nothing
    assert (await looks(world, world.model.text, subject="root", role=Role.AUDITOR, tenant=OPERATOR))["found"]


async def test_an_erased_persons_answer_is_not_found(world: World, asked: dict) -> None:
    erase(world.root, world.exchange.log.keys, "school", "ada")
    assert not (await looks(world, world.model.text, subject="bob"))["found"]


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"text": "Yes, that is right."}, "text_too_short"),
        ({"text": "… " * 100}, "text_too_short"),
        ({"text": "é" * 200_000}, "invalid_value"),
        ({"text": "a" * 300_000}, "invalid_value"),
        ({"text": ""}, "invalid_value"),
        ({}, "invalid_value"),
        ({"text": "a" * 50, "tenant": "bank"}, "unsupported_parameter"),
    ],
)
async def test_what_cannot_be_searched_is_400(world: World, body: dict, code: str) -> None:
    answer = await world.http.post("/v1/verify", json=body)
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, code)


async def test_a_search_out_of_time_is_503_and_says_when_to_come_again(world: World, asked: dict) -> None:
    world.exchange.search_s = -1.0
    answer = await world.http.post("/v1/verify", json={"text": world.model.text})
    assert (answer.status_code, answer.json()["error"]["code"]) == (503, "overloaded")
    assert int(answer.headers["retry-after"]) > 0


async def test_every_log_that_may_hold_it_is_searched(tmp_path) -> None:
    world = World(tmp_path, Limits(guard_timeout_s=5, deadline_s=30), tenants={"bank": [1]})
    await world.accept()
    await world.ask()
    assert (await looks(world, world.model.text))["found"]
    assert not (await looks(world, world.model.text, tenant="bank"))["found"]
    assert (await looks(world, world.model.text, role=Role.ADMIN))["found"]


async def test_the_public_keys_are_those_of_the_root(world: World) -> None:
    answer = await world.http.get("/v1/audit/keys")
    assert parse_ring(answer.json()["keys"].encode()) == parse_ring((world.root / "log.vkey").read_bytes())
    assert (await world.http.get("/v1/audit/keys", headers={"authorization": "Bearer x"})).status_code == 401


@pytest.mark.parametrize("below", ["", "\n", f"\n\n{BLOCK}", "\r\n"])
def test_the_pages_line_at_the_end_is_no_part_of_the_text(below: str) -> None:
    assert provenance.without_footer(f"The answer.\n\n{LINE}{below}").rstrip() == "The answer."


@pytest.mark.parametrize(
    "text", ["\n" * 250_000, "\n— Preceptor," * 15_000, f"\n{LINE}" * 1_500 + "x", " \t" * 120_000]
)
def test_no_text_takes_longer_than_its_length(text: str) -> None:
    began = time.process_time()
    provenance.without_footer(text)
    assert time.process_time() - began < 2


@pytest.mark.parametrize("text", [f"{LINE}\nThe answer.", f"The answer.\n{LINE}\nIt goes on.", "The answer.", LINE])
def test_a_line_like_it_elsewhere_is(text: str) -> None:
    assert provenance.without_footer(text) == text
