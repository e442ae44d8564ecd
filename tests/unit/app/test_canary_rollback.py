"""A challenger that its gate let pass and that fails in canary: the monitor sees it, and the Gateway takes it back."""

from audit.monitor import POLICY
from audit.monitoring.categories import Categories
from audit.monitoring.round import Round
from audit.monitoring.rules import SHIPPED as RULES
from audit.monitoring.rules import read_rules
from audit.query import Asker
from tests.unit.app.conftest import SHIPPED, ScriptedScorer, World
from tests.unit.app.test_rollout import NEW, ask, guard, of_kind, say


def monitored(world: World) -> dict[str, str | None]:
    """What the shipped rules find: what each alert is about, by rule; each alert becomes a record."""
    asker = Asker(world.root)
    found = Round(read_rules(RULES), Categories.read(POLICY), lambda sql: asker.ask(sql).to_pylist()).run()
    assert found.failed == {}
    for alert in found.alerts:
        world.control.log.append([alert.entry()])
    return {alert.rule: alert.about for alert in found.alerts}


async def served(world: World, scorer: ScriptedScorer) -> dict[str, int]:
    """A canary of half the people, each of whom asks a harmless question; requests by guard."""
    world.scorers[NEW] = scorer
    await world.view.refresh()
    await say(world, guard(NEW, "canary", 0.5))
    judged = [(await ask(world, f"person-{number}", "What is a hash?"))["guard_digest"] for number in range(60)]
    return {digest: judged.count(digest) for digest in (SHIPPED, NEW)}


async def test_a_canary_that_refuses_too_much_is_taken_back(world) -> None:
    overcautious = ScriptedScorer()
    overcautious.marked["hash"] = overcautious.marked["HARMWORD"]
    assert min((await served(world, overcautious)).values()) >= 20
    assert monitored(world).get("canary_refusals") == NEW
    await world.view.refresh()
    assert (await ask(world, "person-1", "What is a hash?"))["guard_digest"] == SHIPPED
    await world.tutor.rulebook.keep_up()
    last = of_kind(world, "promotion")[-1]
    assert (last["model_digest"], last["gate"]) == (SHIPPED, "alert")
    assert "canary_refusals" not in monitored(world)


async def test_a_canary_that_faults_is_taken_back(world) -> None:
    broken = ScriptedScorer()
    broken.error = RuntimeError("no such weights")
    await served(world, broken)
    assert monitored(world).get("guard_errors") == NEW
    await world.view.refresh()
    assert {(await ask(world, f"person-{n}", "Hello"))["guard_digest"] for n in range(8)} == {SHIPPED}


async def test_a_canary_that_does_well_stays(world) -> None:
    assert min((await served(world, ScriptedScorer())).values()) >= 20
    assert not {"canary_refusals", "guard_errors"} & set(monitored(world))
    await world.view.refresh()
    assert world.view.state.rollout.challenger == NEW
