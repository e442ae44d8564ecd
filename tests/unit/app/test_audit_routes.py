"""Status, alerts, trends and lineage over a real log: the figures, and whose they are."""

import json
import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from app.auditing.alerts import alerts
from app.auditing.asking import Asking
from app.auditing.lineage import lineage, views
from app.auditing.status import status
from app.auditing.trends import MOST_DAYS, trends
from app.auth import OPERATOR, Role
from app.contract import audited
from audit import verify, witness
from audit.query import Asker
from audit.record import Entry, Kind
from audit.sandbox import UNBOUNDED, Bounds
from tests.unit.app.auditing import TENANTS, alert, append, asked, auditor, begun, decided, tell
from tests.unit.app.conftest import World, promotion

PAGE = Path(__file__).resolve().parents[3] / "docs" / "audit-views.md"


@pytest.fixture(scope="module")
def told(tmp_path_factory) -> Asking:
    """The log of three tenants, with alerts about some of it and what was trained."""
    world = tell(tmp_path_factory.mktemp("told"))
    append(
        world, "control",
        alert("a-school", "school-refused"), alert("a-bank", "bank-refused", "bank", "critical"), alert("a-log", None),
        alert("a-tenant", None, "school"), alert("a-odd", "school-taught", "bank"), decided("a-school"), *trained(),
    )  # fmt: skip
    return Asking(Asker(world.root))


def trained() -> list[Entry]:
    source = {"name": "cve", "digest": "c" * 64, "licence": "CC0-1.0"}
    dataset = {"name": "pairs", "digest": "d" * 64, "rows": 12, "sources": [source]}
    gate = {"name": "safety", "candidate": "b" * 64, "suite_digest": "e" * 64, "passed": True, "metrics": {"held": 7}}
    run = {"name": "run-1", "job": "tune", "status": "finished", "base": "smol", "dataset_digest": "d" * 64,
           "adapter_digest": "b" * 64, "config_digest": "f" * 64, "metrics": {"loss": 3}}  # fmt: skip
    made = promotion("a" * 64).fields | {"adapter_digest": "b" * 64, "gate": "safety", "weights": {"w": "1" * 64}}
    kinds = ((Kind.promotion, promotion("9" * 64).fields), (Kind.dataset, dataset), (Kind.run, run), (Kind.gate, gate),
             (Kind.promotion, made))  # fmt: skip
    return [Entry.operational(kind, fields) for kind, fields in kinds]


@dataclass(slots=True, kw_only=True)
class Then(Asker):
    """Asks as if it were another time."""

    now: datetime

    def ask(self, sql: str, bounds: Bounds = UNBOUNDED) -> pa.Table:
        return Asker.ask(self, sql.replace("now()", f"timestamptz '{self.now.isoformat()}'"), bounds)


async def named(asking: Asking, tenant: str = OPERATOR, still_open: bool | None = None) -> set[str]:
    found = await alerts(asking, auditor(tenant), still_open=still_open)
    audited.Alerts.model_validate(found)
    return {one["request_id"] for one in found["alerts"]}


async def test_alerts_are_their_tenants_or_the_operators(told) -> None:
    everything = {"a-school", "a-bank", "a-log", "a-tenant", "a-odd"}
    assert await named(told) == everything
    assert await named(told, "school") == {"a-school", "a-tenant"}
    assert await named(told, "bank") == {"a-bank", "a-odd"}
    assert await named(told, "o'hara") == set()
    assert await named(told, still_open=True) == everything - {"a-school"}
    assert await named(told, "school", still_open=False) == {"a-school"}
    (one,) = (await alerts(told, auditor("school"), still_open=False))["alerts"]
    assert (one["rule"], one["severity"], one["about"], one["value"]) == ("burst", "warning", "school-refused", 2.5)


async def test_trends_count_each_exchange_once(told) -> None:
    for tenant, times in ((OPERATOR, len(TENANTS)), *((tenant, 1) for tenant in TENANTS)):
        found = await trends(told, auditor(tenant), 3)
        audited.Trends.model_validate(found)
        today = found["days"][-1]
        assert [today[name] for name in ("allow", "teach", "refuse", "fault", "appeals")] == [times] * 5
        assert all(day[name] == 0 for day in found["days"][:-1] for name in ("allow", "fault", "appeals"))
        assert found["faults"] == times
        assert found["categories"] == [
            {"category": "malware", "refuse": times, "teach": 0}, {"category": "dual_use", "refuse": 0, "teach": times},
        ]  # fmt: skip
        days = [datetime.now(UTC).date() - timedelta(back) for back in (2, 1, 0)]
        assert [day["day"] for day in found["days"]] == [day.isoformat() for day in days]
        assert found["drift"] == [{"day": day.isoformat(), "psi": None} for day in days]
    assert (await trends(told, auditor("nobody"), 1))["days"][0]["allow"] == 0


async def test_drift_is_the_tenants_own_and_leaves_the_red_team_out(tmp_path: Path) -> None:
    world, now = begun(tmp_path), datetime(2040, 6, 1, tzinfo=UTC)  # a log's time never goes back before its beginning
    at = [now]
    log = world.open(clock=lambda: int(at[0].timestamp() * 1_000_000))

    def tells(back: int, tenant: str, score: int, role: str = "learner") -> None:
        at[0] = now - timedelta(back)
        names = (f"{tenant}-{role}-{back}-{n}" for n in range(400))
        done = log.append([one for name in names for one in asked(tenant, name, score_ppm=score, role=role)])
        assert not any(isinstance(one, Exception) for one in done)

    tells(20, "school", 100_000)
    tells(20, "bank", 100_000)
    tells(1, "school", 100_000)
    tells(1, "bank", 900_000)
    tells(1, "school", 900_000, "redteam")
    asking = Asking(Then(world.root, now=now))
    drift = {tenant: [day["psi"] for day in (await trends(asking, auditor(tenant), 3))["drift"]]
             for tenant in ("school", "bank")}  # fmt: skip
    assert drift["school"] == [None, 0.0, 0.0]
    assert drift["bank"][0] is None
    assert min(drift["bank"][1:]) > 0.25


async def test_lineage_leads_from_a_model_to_its_sources(told) -> None:
    found = await lineage(told)
    audited.Lineage.model_validate(found)
    newest, older = found["promotions"]
    assert (newest["active"], older["active"], newest["model_digest"]) == (True, False, "a" * 64)
    assert (newest["gate_passed"], newest["gates"][0]["metrics"]) == (True, {"held": 7})
    assert (newest["run"], newest["dataset"], newest["dataset_rows"]) == ("run-1", "pairs", 12)
    assert newest["sources"] == [{"digest": "c" * 64, "licence": "CC0-1.0", "name": "cve"}]
    assert (newest["weights"], older["sources"]) == ({"w": "1" * 64}, None)


async def test_the_views_are_those_of_the_document(told) -> None:
    found = await views(told)
    audited.Views.model_validate(found)
    page = PAGE.read_text()
    assert {f"## `{view['name']}`" for view in found["views"]} == {
        line for line in page.splitlines() if line.startswith("## `")
    }
    assert all(f"| `{column['name']}` |" in page for view in found["views"] for column in view["columns"])


def rita(world: World, tenant: str = "school") -> dict[str, str]:
    return {"authorization": f"Bearer {world.key('rita', Role.AUDITOR, tenant=tenant)}"}


async def said(world: World, path: str, tenant: str = "school") -> dict[str, Any]:
    await world.view.refresh()
    answer = await world.http.get(f"/v1/audit/{path}", headers=rita(world, tenant))
    assert answer.status_code == 200, answer.text
    return answer.json()


async def test_the_status_tells_heads_their_age_and_their_signers(world) -> None:
    await world.ask()
    found = await said(world, "status")
    assert [head["size"] for head in found["logs"]] == [world.control.log.size, world.exchange.log.size]
    assert [head["origin"] for head in found["logs"]] == [world.control.log.origin, world.exchange.log.origin]
    for head, log in zip(found["logs"], (world.control.log, world.exchange.log), strict=True):
        assert head["checkpoint"] == log.checkpoint()
        assert head["signed_at"] == log.tail(log.size - 1)[0]["ts"]
        assert 0 <= head["age_s"] < 60
        assert (head["signers"], head["witnesses"]) == ([log.origin], [])
    rules = world.tutor.rulebook.rules
    assert found["policy"] == {"version": rules.policy.version, "digest": rules.policy.digest, "signed": False}
    assert found["unlogged"] == 0


async def test_a_head_that_nobody_of_ours_signed_has_no_signer_and_a_witness_is_named(world, monkeypatch) -> None:
    note = world.exchange.log.checkpoint()
    body, line = note.rsplit("\n\n", 1)
    forged = f"{body}\n\n{line[:-9]}AAAAAAA=\n— witness.example/w1 {'A' * 96}\n"
    monkeypatch.setattr(world.exchange.log, "checkpoint", lambda: forged)
    _, head = (await said(world, "status"))["logs"]
    assert (head["signers"], head["witnesses"]) == ([], ["witness.example/w1"])


async def test_what_a_witness_cosigned_beside_the_log_shows(world, tmp_path) -> None:
    state, out = tmp_path / "state", world.root / "witness"
    given = [str(world.root), "--key", str(world.root / "log.vkey"), "--state", str(state), "--out", str(out)]
    assert witness.main([*given, "--name", "w.example/1"]) == 0
    cosigned_size, before = world.exchange.log.size, time.time() * 1e6
    await world.ask()
    control, exchange = (await said(world, "status"))["logs"]
    assert (control["witnesses"], exchange["witnesses"]) == (["w.example/1"], ["w.example/1"])
    assert exchange["witnessed"]["size"] == cosigned_size < exchange["size"]
    assert abs(exchange["witnessed"]["at"] - before) < 60e6
    assert verify.main([str(world.root)]) == 0  # nothing that a verifier would take for a log's
    for spoilt in (b"", b"\xff", (out / "control.checkpoint").read_bytes(), world.exchange.log.checkpoint().encode()):
        (out / "exchange-0.checkpoint").write_bytes(spoilt)
        _, exchange = (await said(world, "status"))["logs"]
        assert (exchange["witnesses"], exchange["witnessed"]) == ([], None)


async def test_text_that_left_without_its_record_shows_in_its_tenants_status(world) -> None:
    answer = asked("school", "never-asked", Kind.answer)[1]
    assert not isinstance(world.exchange.log.append([answer])[0], Exception)
    assert (await said(world, "status"))["unlogged"] == 1
    assert (await said(world, "status", "bank"))["unlogged"] == 0
    assert (await said(world, "status", OPERATOR))["unlogged"] == 1


async def test_where_the_question_fails_the_status_still_tells_the_heads(world) -> None:
    found = await status(world.tutor, Asking(None), auditor())
    assert (found["unlogged"], len(found["logs"])) == (None, 2)


async def test_a_damaged_file_is_a_fault_that_names_the_remedy(world) -> None:
    (segment,) = list((world.root / "exchange-0" / "seg").iterdir())[:1]
    data = bytearray(segment.read_bytes())
    data[len(data) // 2] ^= 1
    segment.chmod(0o644)
    segment.write_bytes(data)
    answer = await world.http.get("/v1/audit/events", headers=rita(world))
    assert (answer.status_code, answer.json()["error"]["code"]) == (503, "log_unproven")
    assert "audit.verify" in answer.json()["error"]["message"]
    assert str(world.root) not in json.dumps(answer.json())


async def test_more_days_than_can_be_told_are_refused(world) -> None:
    for days in (0, MOST_DAYS + 1):
        answer = await world.http.get("/v1/audit/trends", params={"days": days}, headers=rita(world))
        assert (answer.status_code, answer.json()["error"]["param"]) == (400, "days")
