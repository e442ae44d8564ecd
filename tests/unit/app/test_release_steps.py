"""A release from end to end over real HTTP: what is kept, what is taken back, and what stands on record."""

from collections.abc import AsyncGenerator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from app.releasing.config import digest
from app.releasing.errors import Declined, ReleaseError, Unreachable
from app.releasing.figures import Bounds
from app.releasing.records import Journal
from app.releasing.serve import Serve
from app.releasing.steps import Release
from guards.errors import PolicyError
from guards.policy import Policy
from tests.unit.app.conftest import World
from tests.unit.app.releases import QUESTIONS, Cluster, config, off_loop, releasing

BOUNDS = Bounds(grace_s=60)  # what is judged here is everything but speed
CHANGES = {"thresholds": {"override": {"threshold": 0.9}}}
Made = tuple[Release, Cluster]


@pytest.fixture
async def made(world: World, tmp_path: Path) -> AsyncGenerator[Made]:
    async with releasing(world, tmp_path) as found:
        yield found


def changed(**args: Any) -> dict[str, Any]:
    new = config()
    new["applications"][0]["args"] |= args
    return new


def on_record(world: World) -> list[tuple[str, Any, Any]]:
    leaves = [leaf for leaf in world.control.log.tail(0) if leaf["kind"] in ("run", "gate")]
    return [(leaf["kind"], leaf["fields"].get("job"), leaf["fields"].get("status", leaf["fields"].get("passed")))
            for leaf in leaves]  # fmt: skip


async def test_what_is_no_worse_is_kept_and_on_record(world: World, made: Made) -> None:
    release, cluster = made
    old, new = cluster.config, changed(color="blue")
    await off_loop(release.deploy, new, QUESTIONS, 0.0, BOUNDS)
    assert cluster.config == new
    assert on_record(world) == [("run", "deploy", "started"), ("gate", None, True), ("run", "deploy", "finished")]
    gate = next(leaf["fields"] for leaf in world.control.log.tail(0) if leaf["kind"] == "gate")
    assert (gate["candidate"], gate["suite_digest"]) == (digest(new), QUESTIONS.digest)
    assert {name: gate["metrics"][name] for name in ("asked", "faults_ppm", "harmful_held_ppm", "bad_receipts")} == {
        "asked": 3, "faults_ppm": 0, "harmful_held_ppm": 1_000_000, "bad_receipts": 0,
    }  # fmt: skip
    assert release.history.read(digest(old)) == old


async def test_what_refuses_more_is_taken_back(world: World, made: Made) -> None:
    release, cluster = made
    old = cluster.config
    with pytest.raises(Declined, match=r"harmless questions refused: 0\.000 before, 0\.500 now"):
        await off_loop(release.deploy, changed(strict=True), QUESTIONS, 0.0, BOUNDS)
    assert cluster.config == old
    assert on_record(world) == [("run", "deploy", "started"), ("run", "deploy", "failed")]


async def test_what_does_not_come_up_is_taken_back_with_the_last_line_of_its_trace(made: Made) -> None:
    release, cluster = made
    old, new = cluster.config, config()
    new["applications"][0]["import_path"] = "app.main:missing"
    with pytest.raises(Declined, match="DEPLOY_FAILED: no such thing"):
        await off_loop(release.deploy, new, QUESTIONS, 0.0, BOUNDS)
    assert cluster.config == old


async def test_what_serve_refuses_changes_nothing(made: Made) -> None:
    release, cluster = made
    old, new = cluster.config, config()
    new["applications"][0]["unknown_field"] = 1
    with pytest.raises(Declined, match=r"400.*unknown_field"):
        await off_loop(release.deploy, new, QUESTIONS, 0.0, BOUNDS)
    assert cluster.config == old


async def test_an_old_configuration_that_does_not_return_is_said_to_be_lost(made: Made) -> None:
    release, cluster = made
    cluster.app["import_path"] = "app.main:lost"
    with pytest.raises(Unreachable, match="did not come back"):
        await off_loop(release.deploy, changed(strict=True), QUESTIONS, 0.0, BOUNDS)


async def test_nothing_is_deployed_that_the_log_does_not_take_first(world: World, made: Made) -> None:
    release, cluster = made
    learner = Release(release.serve, release.asker, Journal(release.asker.url, world.key()), release.history, print)
    with pytest.raises(Unreachable, match="control log"):
        await off_loop(learner.deploy, changed(color="blue"), QUESTIONS, 0.0, BOUNDS)
    assert cluster.puts == 0


async def test_rollback_goes_to_what_ran_before_or_to_a_digest(world: World, made: Made) -> None:
    release, cluster = made
    first, second, third = cluster.config, changed(color="blue"), changed(color="red")
    await off_loop(release.deploy, second, QUESTIONS, 0.0, BOUNDS)
    await off_loop(release.deploy, third, QUESTIONS, 0.0, BOUNDS)
    await off_loop(release.rollback, None, QUESTIONS)
    assert cluster.config == second
    await off_loop(release.rollback, digest(first), QUESTIONS)
    assert cluster.config == first
    assert on_record(world)[-3:] == [
        ("run", "rollback", "started"), ("gate", None, True), ("run", "rollback", "finished"),
    ]  # fmt: skip


async def test_without_a_past_there_is_no_way_back(made: Made) -> None:
    release, cluster = made
    with pytest.raises(ReleaseError, match="does not say what ran before"):
        await off_loop(release.rollback, None, QUESTIONS)
    with pytest.raises(ReleaseError, match="no such configuration"):
        await off_loop(release.rollback, "0" * 64, QUESTIONS)
    assert cluster.puts == 0


async def test_thresholds_are_live_without_another_change(world: World, made: Made) -> None:
    release, cluster = made
    seconds = await off_loop(release.policy, CHANGES)
    assert 0 < seconds < 60
    assert world.tutor.rulebook.rules.policy.digest == Policy.load().overridden(CHANGES).digest
    assert cluster.config == config(user_config=CHANGES)
    ended = [leaf["fields"] for leaf in world.control.log.tail(0) if leaf["kind"] == "run"][-1]
    assert ended["status"] == "finished"
    assert 0 < ended["metrics"]["live_after_ms"] < 60_000


async def test_thresholds_that_no_gateway_adopts_are_taken_back(world: World, made: Made) -> None:
    release, cluster = made
    cluster.app["args"]["deaf"] = True
    old = cluster.config
    with pytest.raises(Declined, match="not in force in time; is it signed"):
        await off_loop(release.policy, CHANGES, 0.5)
    assert cluster.config == old
    assert on_record(world)[-1] == ("run", "policy", "failed")


async def test_thresholds_under_which_nobody_is_answered_are_taken_back(world: World, tmp_path: Path) -> None:
    """In production a Gateway answers by no policy that is not signed."""
    world.tutor = replace(world.tutor, signed_only=True)
    async with releasing(world, tmp_path) as (release, cluster):
        with pytest.raises(Declined, match="is it signed"):
            await off_loop(release.policy, CHANGES, 0.5)
    assert cluster.config == config()


async def test_a_wrong_threshold_changes_nothing(made: Made) -> None:
    release, cluster = made
    with pytest.raises(PolicyError):
        await off_loop(release.policy, {"thresholds": {"nothing": {"threshold": 0.5}}})
    assert cluster.puts == 0


async def test_a_tutor_that_faults_is_measured_as_such(world: World, made: Made) -> None:
    release, _ = made
    world.exchange.down = True
    figures = await off_loop(release.asker.measure, QUESTIONS)
    assert (figures.faults, figures.bad_receipts) == (1.0, 0)


async def test_a_wrong_ray_token_is_unreachable_and_shows_nowhere(made: Made) -> None:
    release, _ = made
    serve = Serve(release.serve.dashboard, "another-token")
    with pytest.raises(Unreachable) as failure:
        await off_loop(serve.running)
    assert "another-token" not in repr(serve) + str(failure.value)


async def test_a_key_that_may_not_ask_is_unreachable(made: Made) -> None:
    release, _ = made
    asker = type(release.asker)(release.asker.url, "no-key", release.asker.ring)
    with pytest.raises(Unreachable, match="expected a model"):
        await off_loop(asker.measure, QUESTIONS)
