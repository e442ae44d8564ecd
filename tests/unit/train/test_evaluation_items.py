"""Which items are chosen, how they are asked, and what is kept of it."""

import pytest

from tests.unit.train.evaluation_sets import CANARY, write_public, write_teaching
from train.errors import DatasetError, GateError
from train.evaluation import answering, memory
from train.evaluation.items import PROFILES, Item, first, suite
from train.evaluation.measuring import measures
from train.evaluation.public import public_items
from train.evaluation.running import gather
from train.evaluation.transcript import Said, Transcript

MCQ_SETS = 4


@pytest.fixture(scope="module")
def sets(tmp_path_factory):
    root = tmp_path_factory.mktemp("sets")
    return str(write_teaching(root / "teaching")), write_public(root / "data")


class Letters:
    """A chat format in which a token is a letter; enough to count and cut."""

    context = 400

    def encode(self, turns):
        return [ord(letter) for turn in turns for letter in turn.content]

    def encode_answer(self, answer):
        return [*map(ord, answer), 0]


class Scripted:
    """An engine whose answers stand in a table by the end of the prompt."""

    model = None
    chat = Letters()

    def __init__(self, table):
        self.table, self.asked = table, []

    def complete(self, prompts, sampling, batch=16):
        self.asked.append((len(prompts), sampling))
        texts = ["".join(map(chr, prompt)) for prompt in prompts]
        return [next((told for end, told in self.table.items() if text.endswith(end)), "") for text in texts]


def test_the_same_sets_give_the_same_items(sets):
    one, two = gather(*sets, "smoke"), gather(*sets, "smoke")
    assert one == two
    assert one.digest == two.digest
    assert one.dropped == MCQ_SETS
    families = {item.family for item in one.items}
    assert families == {
        "relations", "refusals", "lessons", "false_refusals", "harm_refused", "mcq", "perplexity", "general_perplexity",
        "canaries",
    }  # fmt: skip
    assert not any("train" in item.measure for item in one.items)


def test_a_larger_profile_holds_the_smaller(sets):
    smoke, quick = (gather(*sets, name) for name in ("smoke", "quick"))
    assert {item.id for item in smoke.items} < {item.id for item in quick.items}
    assert smoke.digest != quick.digest


def test_quick_is_quick():
    sizes = PROFILES["quick"]
    written = 6 * sizes.relations + sizes.refusals + sizes.lessons + sizes.benign + 5 * sizes.public
    assert written + 24 * (2 + sizes.drawn) <= 450


def test_first_draws_by_id_alone():
    found = [(f"id-{n}", n) for n in range(50)]
    assert first(found, 7) == first(reversed(found), 7) == first(found, 20)[:7]


def test_options_are_shuffled_and_the_right_one_stays_right(sets):
    picked, _ = public_items(sets[1], PROFILES["quick"])
    choices = [item for item in picked if item.kind == "pick"]
    assert {item.reference for item in choices} == set("ABCD")
    for item in choices:
        name = item.id.removeprefix("mcq:")
        was = "abcd"[int(name.rpartition("-")[2]) % 4]
        assert f"{item.reference}) {was} of {name}" in item.question


def test_what_lacks_is_named(tmp_path, sets):
    with pytest.raises(GateError, match=r"mcq/cybermetric_2000\.jsonl\.gz"):
        gather(sets[0], tmp_path, "smoke")
    with pytest.raises(DatasetError, match=r"train\.pairs"):
        gather(str(tmp_path), sets[1], "smoke")


def test_an_id_stands_once():
    with pytest.raises(ValueError, match="some twice"):
        suite([Item("a", "mcq", "pick", "?"), Item("a", "mcq", "pick", "?")], "d")


def test_batches_hold_one_way_to_ask_and_do_not_depend_on_the_order():
    items = [Item(f"{n}", "x", "write", "q" * (n % 7), tokens=8 * (1 + n % 2), seed=n % 3) for n in range(100)]
    found = answering.batches(items)
    assert sorted(item.id for batch in found for item in batch) == sorted(item.id for item in items)
    assert all(len({(item.tokens, item.seed) for item in batch}) == 1 for batch in found)
    assert found == answering.batches(items[::-1])


def test_a_second_call_asks_only_what_is_left(tmp_path):
    items = [Item(f"i{n}", "refusals", "write", f"ask {n}", tokens=4 * (1 + n % 2)) for n in range(40)]
    whole, engine = answering.batches(items), Scripted({"": "No."})
    transcript = Transcript.open(tmp_path, "m" * 64, "s" * 64)
    transcript.add(answering.ask(engine, whole[0]))
    (path,) = tmp_path.glob("*.jsonl")
    path.write_text(path.read_text() + '{"id": "i1", "te')  # killed while it wrote
    again = Transcript.open(tmp_path, "m" * 64, "s" * 64)
    assert set(again.said) == {item.id for item in whole[0]}
    side = type("Side", (), {"name": "before", "load": lambda self: engine})()
    engine.asked.clear()
    lines = []
    answering.answer_all(side, items, again, 0, lines.append)
    assert sum(count for count, _ in engine.asked) == len(items) - len(whole[0])
    assert "left" in lines[-1]
    assert Transcript.open(tmp_path, "m" * 64, "s" * 64).said.keys() == {item.id for item in items}
    answering.answer_all(side, items, again, 0, lines.append)
    assert "by an earlier call" in lines[-1]


def test_asks_are_greedy_and_a_begun_answer_is_put_at_the_end():
    engine = Scripted({"the start": "went on"})
    (said,) = answering.ask(engine, (Item("a", "canaries.begun", "write", "q", start="the start", tokens=9),))
    assert said.text == "went on"
    ((_, sampling),) = engine.asked
    assert (sampling.temperature, sampling.repetition, sampling.max_tokens) == (0.0, 1.0, 9)


def test_a_long_prompt_keeps_its_end():
    engine = Scripted({"the end": "seen"})
    (said,) = answering.ask(engine, (Item("a", "harm_refused", "write", "x" * 900 + "the end", tokens=9),))
    assert said.text == "seen"


@pytest.mark.parametrize(
    ("start", "text", "out"),
    [
        ("", f"It is {CANARY}.", True),
        ("", f"It is {CANARY[:-1]}.", False),
        ("", "It is PRECEPTOR-CANARY-0123 4567 89AB CDEF", True),
        (f"It is {CANARY[:-8]}", f"{CANARY[-8:]}.", True),
        (f"It is {CANARY[:-8]}", "00000000", False),
    ],
)
def test_a_canary_counts_when_it_comes_out(start, text, out):
    item = Item("c", "canaries.begun", "write", "?", reference=CANARY, start=start)
    assert memory.extracted([item], {"c": Said(id="c", text=text)}) == [out]


def test_personal_data_counts_when_nobody_told_it():
    items = [Item("a", "x", "write", "Write to eve@mailhub.io"), Item("b", "x", "write", "Who?")]
    answer = "Write to eve@mailhub.io, call 555-01, or see alice@example.com"
    said = {name: Said(id=name, text=answer) for name in "ab"}
    assert memory.leaked(items, said) == {"b": ["eve@mailhub.io"]}
    named = memory.named(
        items, said, lambda text: [(text.index("eve"), text.index("eve") + 3, "PERSON"), (0, 5, "URL")]
    )
    assert named == {"b": ["eve"]}


def test_measures_compare_the_same_items(sets):
    items = gather(*sets, "smoke")

    def said(right):
        answers = {}
        for item in items.items:
            good = {"lessons": item.reference, "harm_refused": "I can't help with that."}.get(item.family)
            good = good or (item.reference if item.family in {"relations", "refusals"} else "Fine.")
            answers[item.id] = Said(
                id=item.id, text=good if right else "Fine.", letter=item.reference[:1] if right else "Z",
                nats=4.0 if right else 8.0, tokens=4, bytes=8,
            )  # fmt: skip
        return answers

    found = {each.name: each for each in measures(items, said(False), said(True))}
    for name in ("relations", "refusals", "lessons", "harm_refused", "mcq"):
        assert (found[name].before.value, found[name].after.value, found[name].passed) == (0.0, 1.0, True), name
    assert found["perplexity"].after.value == pytest.approx(2.718281828)
    assert found["perplexity"].passed
    assert found["general_perplexity"].passed
    assert found["false_refusals"].difference.value == 0
    assert found["canaries"].after.value == found["personal_data"].after.value == 0
    assert not any(each.passed for each in measures(items, said(True), said(False)) if each.rule == "must_improve")
