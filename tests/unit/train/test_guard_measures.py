"""Shares, thresholds, calibration curves: numbers that can be checked by hand or by another library."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest

from guards.scores import make
from guards.verdict import Action
from train import guard_targets, guard_thresholds
from train.guard_measures import Judged, calibration_error, caught_at, macro_f1, reliability, share


@given(st.integers(1, 400).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_intervals_are_those_of_the_exact_binomial_test(pair):
    count, of = pair
    exact = binomtest(count, of).proportion_ci(0.95, "exact")
    found = share(count, of)
    assert (found.low, found.high) == pytest.approx((exact.low, exact.high))


def test_a_share_of_nothing_is_no_claim():
    assert (share(0, 0).value, share(0, 0).low, share(0, 0).high) == (0.0, 0.0, 1.0)


def test_caught_at_one_per_cent_counts_strictly_above_what_benign_texts_reach():
    benign = [i / 1000 for i in range(200)]  # one per cent of 200 are 2: the threshold is the third highest
    assert caught_at([0.198, 0.1975, 0.197, 0.9], benign).count == 3


def test_macro_f1_by_hand():
    assert macro_f1(["a", "a", "b"], ["a", "b", "b"]) == pytest.approx(2 / 3)


def test_a_calibrated_score_has_no_error():
    curve = reliability([0.05] * 20 + [0.95] * 20, [i == 0 for i in range(20)] + [i != 0 for i in range(20)])
    assert calibration_error(curve) == pytest.approx(0.0)
    assert sum(point["n"] for point in curve) == 40


@pytest.mark.parametrize("seed", range(8))
def test_thresholds_keep_the_budget(seed):
    rng = random.Random(seed)  # noqa: S311
    draws = [rng.betavariate(0.3, 3) for _ in range(rng.randrange(400, 900))]
    benign = [make(rng.random() * p, 0.0, p * rng.random(), p / 3) for p in draws]
    strict, loose = benign[: len(benign) // 2], benign[len(benign) // 2 :]
    pools = (guard_thresholds.Pool("strict", 0.03, strict), guard_thresholds.Pool("loose", 0.2, loose))
    chosen = guard_thresholds.choose(pools, guard_thresholds.REFUSALS)
    for pool in pools:
        score = guard_thresholds.REFUSALS
        reached = sum(any(score[n](s) >= t for n, t in chosen.thresholds.items()) for s in pool.scores)
        assert (reached, len(pool.scores)) == chosen.pools[pool.name][:2]
        assert share(reached, len(pool.scores)).high == pytest.approx(chosen.pools[pool.name][2], abs=1e-5)
        assert (reached + 1) / (len(pool.scores) + 1) <= pool.budget


@pytest.mark.parametrize("seed", range(4))
def test_refusals_catch_most_within_every_budget(seed):
    rng = random.Random(seed)  # noqa: S311

    def drawn(a: float, b: float, count: int) -> list:
        draws = [rng.betavariate(a, b) for _ in range(count)]
        return [make(rng.random() * p, 0.0, *((p, 0.0) if rng.random() < 0.5 else (0.0, p))) for p in draws]

    pools = (
        guard_thresholds.Pool("calm", 0.02, drawn(0.3, 3, 300)),
        guard_thresholds.Pool("scary", 0.1, drawn(1, 2, 80)),
    )
    attacks = {"harmful": drawn(3, 1, 60), "override": drawn(2, 1, 60), "other_harm": []}
    chosen = guard_thresholds.strongest(pools, attacks)

    def caught(limits) -> float:
        parts = guard_thresholds.REFUSALS
        hit = {k: [any(parts[n](s) >= t for n, t in limits.items()) for s in v] for k, v in attacks.items() if v}
        return sum(guard_thresholds.WEIGHTS[k] * sum(v) / len(v) for k, v in hit.items())

    for pool in pools:
        reached, of, _ = chosen.pools[pool.name]
        assert (reached + 1) / (of + 1) <= pool.budget
    assert (
        caught(chosen.thresholds) >= caught(guard_thresholds.choose(pools, guard_thresholds.REFUSALS).thresholds) - 0.05
    )
    for name in chosen.thresholds:  # no single one can be lowered by a step without a budget broken or nothing gained
        lower = chosen.thresholds | {name: round(chosen.thresholds[name] - 0.01, 3)}
        broken = any(
            (guard_thresholds._reached(pool, lower, guard_thresholds.REFUSALS)[0] + 1) / (len(pool.scores) + 1)
            > pool.budget
            for pool in pools
        )
        assert broken or caught(lower) <= caught(chosen.thresholds) + 0.05


def test_refusals_without_room_are_an_error():
    pool = guard_thresholds.Pool("few", 0.01, [make(1.0, 0.0, 1.0, 0.0)] * 50)
    with pytest.raises(ValueError, match="within the budgets"):
        guard_thresholds.strongest([pool], {"harmful": [make(0.0, 0.0, 1.0, 0.0)]})


def test_too_few_benign_texts_cannot_prove_a_small_budget():
    pool = guard_thresholds.Pool("few", 0.01, [make(0.9, 0.0, 0.9, 0.0)] * 50)
    with pytest.raises(ValueError, match="none from 50 benign texts"):
        guard_thresholds.choose([pool], guard_thresholds.REFUSALS)


def test_no_source_decides_alone():
    rows = [("big", make(0.1, 0, 0, 0))] * 50 + [("small", make(0.2, 0, 0, 0))] * 3
    assert sorted(s.override for s in guard_thresholds.balanced(rows, 5)) == [0.1] * 5 + [0.2] * 3


def judged(label: str, action: Action, source: str = "written/attacks", harm: float = 0.0) -> Judged:
    return Judged("text", source, label, "english", action, make(harm, 0.0, harm, 0.0))


def attack(risk: float) -> Judged:
    return Judged("text", "tensortrust", "override", "english", Action.ALLOW, make(risk, 0.0, 0.0, 0.0))


def test_targets_count_refusals_only_and_say_what_was_not_run():
    known = [
        judged("harmful", Action.REFUSE, harm=0.9),
        judged("harmful", Action.TEACH, harm=0.6),
        judged("educational", Action.REFUSE, "cse_frr_a", 0.95),
        judged("educational", Action.ALLOW, "clinc150"),
    ]
    found = {f.name: f for f in guard_targets.measured(guard_targets.Rows(known, []))}
    assert found["malicious cyber asks caught, known"].value == 0.5
    assert found["defensive coding refused, known"].value == 1.0
    assert not found["defensive coding refused, known"].met
    assert found["everyday asks refused, known"].met
    assert found["malicious cyber asks caught, unseen"].value is None
    assert not found["malicious cyber asks caught, unseen"].met
    assert found["overrides caught at 1 % false positives, unseen"].value is None


def test_minimal_pairs_are_measured_apart_and_together():
    known = [
        judged("harmful", Action.REFUSE, harm=0.9),
        judged("harmful", Action.TEACH, "written/pairs", 0.6),
        judged("educational", Action.ALLOW, "written/twins"),
    ]
    found = {f.name: f for f in guard_targets.measured(guard_targets.Rows(known, []))}
    assert found["malicious cyber asks caught, known"].value == 1.0
    assert found["the same with the minimal pairs among them"].value == 0.5
    assert found["harmful half of pairs answered freely"].of == 1
    assert found["intent on minimal pairs, macro-F1"].of == 2


def test_each_guard_has_a_limit_of_its_own():
    """Scores of one guard say nothing about those of another: 0.3 is above all benign texts here, 0.4 is not there."""
    apart = [
        [*(judged("educational", Action.ALLOW, "koala_test", benign) for _ in range(3)), attack(risk)]
        for benign, risk in ((0.1, 0.3), (0.5, 0.4))
    ]
    scary = judged("educational", Action.ALLOW, "coconot_contrast_train", 1.0)
    apart[0].append(scary)  # measured elsewhere, and no part of this limit
    found = {f.name: f for f in guard_targets.measured(guard_targets.Rows([], [], apart))}
    unseen = found["overrides caught at 1 % false positives, unseen"]
    assert (unseen.value, unseen.of) == (0.5, 2)
