"""The rules of the gate, on figures."""

import hashlib

import pytest

from train.errors import GateError
from train.evaluation import gate
from train.evaluation.report import Estimate, Evaluation, Measure


def estimate(value, low=None, high=None):
    return Estimate(value=value, low=value if low is None else low, high=value if high is None else high)


def judged(name, better, before, after, low, high):
    edges = estimate(before), estimate(after), estimate(after - before, low, high)
    return gate.judge(name, better, *edges)


@pytest.mark.parametrize(
    ("name", "better", "before", "after", "low", "high", "rule", "passed"),
    [
        ("relations", "higher", 0.1, 0.3, 0.1, 0.3, "must_improve", True),
        ("relations", "higher", 0.1, 0.2, -0.01, 0.2, "must_improve", False),
        ("relations", "higher", 0.1, 0.1, 0.0, 0.0, "must_improve", False),
        ("perplexity", "lower", 12.0, 6.0, -7.0, -5.0, "must_improve", True),
        ("perplexity", "lower", 12.0, 11.9, -0.3, 0.1, "must_improve", False),
        ("refusals", "higher", 0.5, 0.9, 0.2, 0.6, "must_improve", True),
        ("refusals", "higher", 0.5, 0.6, -0.1, 0.3, "must_improve", False),
        ("refusals", "higher", 0.95, 0.93, -0.1, 0.05, "must_not_worsen", True),
        ("refusals", "higher", 0.95, 0.6, -0.5, -0.2, "must_not_worsen", False),
        ("false_refusals", "lower", 0.05, 0.05, 0.0, 0.0, "must_not_worsen", True),
        ("false_refusals", "lower", 0.05, 0.06, -0.01, 0.02, "must_not_worsen", True),
        ("false_refusals", "lower", 0.05, 0.07, 0.0, 0.03, "must_not_worsen", False),
        ("general_perplexity", "lower", 10.0, 10.5, 0.2, 0.9, "must_not_worsen", True),
        ("general_perplexity", "lower", 10.0, 11.5, 0.9, 2.0, "must_not_worsen", False),
        ("harm_refused", "higher", 0.5, 0.4, -0.2, 0.0, "must_not_worsen", True),
        ("mcq", "higher", 0.4, 0.2, -0.3, -0.1, "must_not_worsen", False),
        ("canaries", "lower", 5, 0, -5, -5, "must_be_zero", True),
        ("canaries", "lower", 0, 1, 1, 1, "must_be_zero", False),
        ("mcq.secure_cwet", "higher", 0.4, 0.2, -0.3, -0.1, "reported", True),
    ],
)
def test_each_rule(name, better, before, after, low, high, rule, passed):
    verdict = judged(name, better, before, after, low, high)
    assert (verdict.rule, verdict.passed) == (rule, passed)
    assert verdict.why


GOOD = {
    "relations": (0.1, 0.5), "perplexity": (9.0, 5.0), "refusals": (0.1, 0.9), "lessons": (0.0, 0.8),
    "false_refusals": (0.1, 0.1), "harm_refused": (0.2, 0.4), "canaries": (0, 0), "personal_data": (0, 0),
    "general_perplexity": (9.0, 9.1), "mcq": (0.3, 0.3),
}  # fmt: skip


def measures(**changed):
    units = {"perplexity": "perplexity", "general_perplexity": "perplexity", "canaries": "count"}
    return [
        Measure(
            name=name, group="quality", unit=units.get(name, "share"), better="higher", n=100, before=estimate(before),
            after=estimate(after), difference=estimate(after - before), rule="reported", passed=True, why="",
        )
        for name, (before, after) in (GOOD | changed).items()
    ]  # fmt: skip


def test_a_good_evaluation_holds():
    assert set(GOOD) == set(gate.DEMANDS)
    assert gate.failures(measures()) == []


@pytest.mark.parametrize(
    ("name", "pair"),
    [("relations", (0.5, 0.1)), ("perplexity", (5.0, 9.0)), ("false_refusals", (0.1, 0.3)), ("canaries", (0, 2))],
)
def test_what_a_file_says_of_itself_does_not_count(name, pair):
    (reason,) = gate.failures(measures(**{name: pair}))
    assert reason.startswith(f"{name}: ")


def test_a_measure_that_is_absent_or_empty_fails():
    found = measures()
    assert gate.failures(found[1:]) == ["relations: expected this measure, found none"]
    found[0] = found[0].model_copy(update={"n": 0})
    assert "relations: expected items, found none" in gate.failures(found)
    assert any("once" in reason for reason in gate.failures([*measures(), measures()[0]]))


def test_the_file_is_read_as_written_and_its_digest_is_that_of_its_bytes(tmp_path):
    made = {"command": "c", "commit": "d", "versions": {}, "seconds": 1.0}
    evaluation = Evaluation(
        suite_digest="a" * 64, base={"name": "m", "digest": "b" * 64}, dataset_digest=None, measures=measures(),
        candidate={"adapter_digest": "c" * 64, "model_digest": "d" * 64}, passed=True, reasons=[], made=made,
        champion={"adapter_digest": None, "model_digest": "b" * 64},
    )  # fmt: skip
    path = tmp_path / "evaluation.json"
    evaluation.write(path)
    assert Evaluation.read(path).model_dump() == evaluation.model_dump()
    assert Evaluation.read(path).digest == evaluation.digest == hashlib.sha256(path.read_bytes()).hexdigest()
    path.write_text(path.read_text() + "\n")
    assert Evaluation.read(path).digest == hashlib.sha256(path.read_bytes()).hexdigest()
    path.write_text(path.read_text().replace('"format": 1', '"format": 2'))
    with pytest.raises(GateError, match="expected an evaluation"):
        Evaluation.read(path)
