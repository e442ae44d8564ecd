"""The operators' door to the log: conditions, signed heads, and what an erasure means to a running Gateway."""

from typing import Any

from app.auth import Role
from audit.errors import AuditError
from audit.keyring import KeyRing
from audit.record import Entry, Kind
from audit.state import NEVER

ABOUT = "01a20a1d-5b64-7007-a833-47d0ec652a80"


def admin(world) -> dict[str, str]:
    return {"authorization": f"Bearer {world.key('root', Role.ADMIN)}"}


def alert(number: int, after: int) -> dict[str, Any]:
    fields = {"rule": "burst", "severity": "info", "about": ABOUT, "value_ppm": None}
    entry = Entry(Kind.alert, f"alert-{number}", 0, "school", "", fields, if_last=(f"alert/{ABOUT}", after))
    return entry.to_json()


async def test_of_two_who_rest_on_the_same_state_one_wins(world) -> None:
    both = {"records": [alert(1, NEVER), alert(2, NEVER)]}
    one, two = (await world.http.post("/v1/audit/records", json=both, headers=admin(world))).json()["results"]
    assert sorted(("receipt" in one, "receipt" in two)) == [False, True]
    lost = one.get("error") or two["error"]
    assert lost["code"] == "NotLast"
    won = (one if "receipt" in one else two)["receipt"]["idx"]
    next_ones = {"records": [alert(3, won), alert(1 if "receipt" in one else 2, NEVER)]}
    third, retry = (await world.http.post("/v1/audit/records", json=next_ones, headers=admin(world))).json()["results"]
    assert third["receipt"]["idx"] > won
    assert retry["receipt"]["idx"] == won  # a repeat is answered, not judged again
    bad = alert(4, NEVER) | {"if_last": ["x"]}
    (refused,) = (await world.http.post("/v1/audit/records", json={"records": [bad]}, headers=admin(world))).json()[
        "results"
    ]
    assert refused["error"]["code"] == "BadEntry"


async def test_the_records_of_one_body_keep_their_order(world) -> None:
    before = world.control.log.size
    records = [Entry.operational(Kind.revocation, {"jti": f"j{n}"}).to_json() for n in range(40)]
    done = await world.http.post("/v1/audit/records", json={"records": records}, headers=admin(world))
    assert [result["receipt"]["idx"] for result in done.json()["results"]] == list(range(before, before + 40))


async def test_signed_heads_are_there_for_whoever_keeps_them(world) -> None:
    ring = KeyRing.parse((world.root / "log.vkey").read_text())
    notes = (await world.http.get("/v1/audit/checkpoints")).json()["checkpoints"]
    assert [ring.open_any(note).size for note in notes] == [world.control.log.size, world.exchange.log.size]
    no_key = await world.http.get("/v1/audit/checkpoints", headers={"authorization": "Bearer x"})
    assert no_key.status_code == 401


async def test_whoever_was_erased_begins_anew(world) -> None:
    assert (await world.ask()).status_code == 200
    keys = world.control.log.keys
    erasure = keys.subjects.erase("school", "ada")
    entry = Entry.operational(Kind.erase, {"subject": erasure.tag, "epoch": erasure.epoch})
    assert not any(isinstance(result, AuditError) for result in world.control.log.append([entry]))
    await world.view.refresh()
    answer = await world.ask()
    assert (answer.status_code, answer.json()["error"]["code"]) == (403, "terms_not_accepted")
    await world.accept()
    assert (await world.ask()).status_code == 200
