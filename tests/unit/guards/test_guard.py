"""One decision from many verdicts; every doubt is a fault or a refusal."""

import asyncio
import json
import socket

import pytest

from guards import checks, validators
from guards.errors import GuardFault
from guards.guard import Guard
from guards.scores import Scores, make
from guards.verdict import Action, Context, Stage, Verdict

HARM, LESSON, JAILBREAK = make(0.0, 0.05, 0.9, 0.0), make(0.0, 0.9, 0.02, 0.0), make(0.99, 0.0, 0.0, 0.0)
CERTAIN_LESSON = make(0.0, 0.99, 0.005, 0.0)
PASSED = Context(passes=frozenset({"dual_use"}))


async def test_each_intent_leads_to_its_action(judge):
    guard = judge(worm=HARM, lab=LESSON, ignore=JAILBREAK)
    asked = {text: await guard.check(text, Stage.PROMPT) for text in ("a worm", "a lab", "ignore it", "a rose")}
    assert [d.action for d in asked.values()] == [Action.REFUSE, Action.TEACH, Action.REFUSE, Action.ALLOW]
    assert [d.category for d in asked.values()] == ["harmful_operational", "dual_use", "override", None]
    assert all(d.text == text for text, d in asked.items())


async def test_a_pass_opens_the_lesson_and_nothing_else(judge):
    guard = judge(worm=HARM, lab=LESSON)
    opened = await guard.check("a lab", Stage.PROMPT, PASSED)
    assert (opened.action, opened.category) == (Action.ALLOW, "dual_use")
    everything = Context(passes=frozenset(guard._policy.categories))
    assert (await guard.check("a worm in a lab", Stage.PROMPT, everything)).action is Action.REFUSE


async def test_an_answer_that_needs_a_lesson_is_refused_without_it(judge):
    guard = judge(lab=CERTAIN_LESSON)
    assert (await guard.check("in the lab", Stage.WINDOW)).action is Action.REFUSE
    assert (await guard.check("in the lab", Stage.ANSWER, PASSED)).action is Action.ALLOW


async def test_answers_are_judged_more_mildly_than_questions(judge):
    guard = judge(worm=make(0.0, 0.1, 0.7, 0.0))
    assert (await guard.check("a worm", Stage.PROMPT)).action is Action.REFUSE
    assert (await guard.check("a worm", Stage.WINDOW)).action is Action.ALLOW


async def test_an_answer_is_judged_with_its_request_and_what_went_before(policy):
    seen: list[str] = []

    async def record(texts):
        seen.extend(texts)
        return [make(0.0, 0.0, 0.0, 0.0) for _ in texts]

    context = Context(request="the question", preceding="the beginning, ")
    await Guard(policy, record).check("the window", Stage.WINDOW, context)
    assert seen == ["the question\n\nthe window", "the beginning, the window"]


async def test_secrets_and_personal_data_are_taken_out_of_answers_only(judge):
    guard, text = judge(), "Ask bob.miller@acme-corp.com, key AKIAQ3EGRTYUIOPASDFG."
    answer = await guard.check(text, Stage.WINDOW)
    assert (answer.action, answer.text) == (Action.REDACT, "Ask [EMAIL], key [AWS_KEY].")
    again = await guard.check(answer.text, Stage.ANSWER)
    assert (again.action, again.text) == (Action.ALLOW, answer.text)
    assert (await guard.check(text, Stage.PROMPT)).action is Action.ALLOW


async def test_a_canary_is_found_under_a_disguise(judge):
    hidden = "UFJFQ0VQVE9SLUNBTkFSWS1BQkNERUZBQkNERUZBQkNE"  # of a made-up canary
    assert (await judge().check(f"print {hidden}", Stage.PROMPT)).category == "canary"


async def _raises(texts):
    raise ValueError("broken")


async def _too_few(texts):
    return []


async def _no_probabilities(texts):
    return [Scores(float("nan"), 1.0, 0.0, 0.0, 0.0) for _ in texts]


async def _none(texts):
    return None


async def _never(texts):
    await asyncio.sleep(60)


@pytest.mark.parametrize("scorer", [_raises, _too_few, _no_probabilities, _none, _never])
@pytest.mark.parametrize("stage", list(Stage))
async def test_a_scorer_in_doubt_is_a_fault(policy, scorer, stage):
    with pytest.raises(GuardFault):
        await Guard(policy, scorer, timeout_s=0.2).check("text", stage)


@pytest.mark.parametrize(
    "check",
    [
        lambda case: [Verdict("odd", Action.REFUSE, "no_such_category", 1.0)],
        lambda case: [Verdict("odd", Action.ALLOW, "no_such_category", 0.0)],
        lambda case: 1 / 0,
    ],
)
async def test_a_check_in_doubt_is_a_fault(judge, monkeypatch, check):
    monkeypatch.setattr(validators, "CHECKS", {"odd": check})
    with pytest.raises(GuardFault):
        await judge().check("text", Stage.PROMPT)


async def test_no_verdict_at_all_is_a_fault(judge, monkeypatch):
    monkeypatch.setattr(validators, "CHECKS", {"silent": lambda case: []})
    with pytest.raises(GuardFault):
        await judge().check("text", Stage.PROMPT)


async def test_calls_do_not_mix(judge):
    guard = judge(worm=HARM)
    texts = [f"{'worm' if i % 2 else 'rose'} {i}" for i in range(100)]
    decisions = await asyncio.gather(*(guard.check(text, Stage.PROMPT) for text in texts))
    assert [d.text for d in decisions] == texts
    assert [d.action is Action.REFUSE for d in decisions] == [bool(i % 2) for i in range(100)]


async def test_no_socket_is_opened(judge, monkeypatch):
    def refuse(*args, **kwargs):
        raise AssertionError(f"a connection was tried: {args[1:]}")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket.socket, "connect_ex", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    guard = judge(worm=HARM)
    for stage in Stage:
        await guard.check("a worm", stage)
    from opentelemetry import trace

    provider = trace.get_tracer_provider()
    assert getattr(provider, "force_flush", lambda: True)() in {True, None}


def test_every_check_is_a_registered_validator():
    from guardrails.validator_base import validators_registry

    assert {f"preceptor/{name}" for name in checks.CHECKS} <= set(validators_registry)


async def test_digest_names_the_policy(policy, judge):
    other = policy.model_copy(update={"digest": "0" * 64})
    assert judge().digest != Guard(other, _none).digest
    json.dumps(judge().digest)
