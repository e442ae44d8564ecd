"""The training benchmark end to end with a tiny model: who takes part, what is counted, never how fast."""

import json
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.bench import training, training_clock, training_contestants, training_gpu
from tests.bench.training_clock import Clock, Failed
from tests.bench.training_figure import draw
from tests.bench.training_setting import Material, Setting, tokens_of
from train.lora.packing import IGNORED, Block, pack

STEPS = 4


@pytest.fixture(scope="module")
def setting(tmp_path_factory) -> Setting:
    asked = training.parser().parse_args(["--tiny", "--steps", str(STEPS - 2), "--warm", "1", "--rows", "60"])
    return training.setting_of(asked, tmp_path_factory.mktemp("setting"))


def test_our_loop_does_the_work_of_a_plain_loop(setting) -> None:
    plain, ours = (training_contestants.CONTESTANTS[name][1](setting) for name in ("plain", "loop"))
    assert len(plain) == len(ours) == STEPS
    assert [mark[2] for mark in plain] == [mark[2] for mark in ours]
    assert [mark[1] for mark in ours] == pytest.approx([mark[1] for mark in plain], rel=training.TOLERANCE)
    assert plain[-1][1] != plain[0][1]


def test_trl_trains_on_the_same_conversations(setting) -> None:
    material = Material.gather(setting)
    for packing in (False, True):
        marks = training_contestants.trl(setting, packing=packing)
        assert len(marks) == STEPS
        a_step = marks[-1][2] / STEPS
        ours = tokens_of(material.blocks) / len(material.blocks) * setting.plan.batch
        assert a_step == pytest.approx(ours, rel=0.5)  # rows of a step are drawn, their lengths differ
        assert 3 < marks[0][1] < 8  # of 258 words, before it has learnt any


def test_both_forms_of_the_rows_hold_the_same_tokens(setting) -> None:
    material = Material.gather(setting)
    assert tokens_of(material.blocks) == sum(len(example.ids) + 1 for example in material.examples)
    assert len({len(example.ids) for example in material.examples}) > 5
    assert tokens_of(tuple(pack(material.examples, setting.plan.length, 1))) == tokens_of(material.blocks)


def test_a_contestant_in_its_own_process_is_counted(setting) -> None:
    found = training.measure(setting, ("plain",), 1)
    (figures,) = found["rounds"]
    assert figures["plain"]["tokens"] > 0
    assert len(figures["plain"]["losses"]) == setting.warm + setting.steps
    assert figures["plain"]["cpu_s"] > 0
    assert sum(figures["plain"]["cpu_s_by_process"].values()) == pytest.approx(figures["plain"]["cpu_s"], abs=0.1)
    with pytest.raises(Failed, match="expected 4 steps, got 1"):
        training_clock.counted([(0.0, 1.0, 10)], Clock(0), setting)


def test_a_contestant_that_fails_leaves_the_others_their_figures(setting, monkeypatch: pytest.MonkeyPatch) -> None:
    def run(name: str, _: Setting) -> dict[str, object]:
        if name == "ray-2":
            raise Failed("ray-2: no room")
        return {"per_s": 2.0, "per_cpu_s": 1.0, "cpu_s": 1.0, "wall_s": 1.0, "losses": [1.0]}

    monkeypatch.setattr(training_clock, "run", run)
    found = training.measure(setting, ("plain", "ray-2"), 2)
    assert found["failed"] == {"ray-2": "ray-2: no room"}
    assert list(found["contestants"]) == ["plain"]
    assert "Ray Train, 2 workers failed, see above" in training.table(found)


def test_ratios_are_taken_within_a_round_and_losses_beside_the_plain_loop() -> None:
    def row(speed: float, losses: tuple[float, ...]) -> dict[str, object]:
        return {"per_s": speed, "per_cpu_s": speed / 2, "losses": list(losses), "cpu_s": 1.0, "wall_s": 2.0}

    rounds = [{"plain": row(100, (2.0, 1.0)), "loop": row(each, (2.0, 1.001))} for each in (50.0, 120.0, 110.0)]
    (found,) = training.ratios(rounds)
    assert found["per_s"] == {"median": 1.1, "min": 0.5, "max": 1.2}
    assert found["met"] is None
    same = training.same_work(rounds[0])
    assert same["met"]
    assert same["worst"]["loop"] == pytest.approx(0.001)
    rounds[0]["loop"]["losses"][1] = 1.5
    assert not training.same_work(rounds[0])["met"]


def test_the_picture_and_the_table_name_every_contestant() -> None:
    spread = {"median": 2.0, "min": 1.0, "max": 3.0}
    names = tuple(training_contestants.CONTESTANTS)
    found = {
        "model": "a & b", "contestants": {name: {"per_s": spread, "per_cpu_s": spread} for name in names},
        "cores_used": dict.fromkeys(names, 1.0), "failed": {}, "same_work": {"worst": {"loop": 0.001}},
        "ratios": [{"ratio": "x / y", "aim": 0.97, "per_s": spread, "per_cpu_s": spread}],
    }  # fmt: skip
    image = ET.fromstring(draw(found))  # noqa: S314 - we have just written it
    texts = {element.text for element in image.iter("{http://www.w3.org/2000/svg}text")}
    told = "\n".join(training.table(found))
    for title, _ in training_contestants.CONTESTANTS.values():
        assert title in texts
        assert title in told
    assert "aim 0.97" in told


@given(st.lists(st.floats(0, 10), min_size=2, max_size=20), st.floats(0, 1))
def test_cpu_time_between_two_moments_never_falls(steps: list[float], part: float) -> None:
    clock, spent = Clock(0), 0.0
    for number, step in enumerate(steps):
        spent += step
        clock.samples.append((float(number), {"worker": spent} | ({"late": spent} if number else {})))
    last = len(steps) - 1
    middle = part * last
    first, second = clock.between(0, middle), clock.between(middle, last)
    assert min(*first.values(), *second.values()) >= -1e-9
    assert first["worker"] + second["worker"] == pytest.approx(spent - steps[0])
    assert first.get("late", 0) + second["late"] == pytest.approx(spent)


def test_bad_input_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert training.main(["--model", "none-such"]) == 2
    assert "bench.training: none-such" in capsys.readouterr().err
    assert training.main(["--tiny", "--teaching", str(tmp_path)]) == 2
    assert "expected Parquet files" in capsys.readouterr().err
    assert training.main(["--repeat", "0"]) == 2
    assert "at least 1" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        training.main(["--only", "plain,none"])
    assert "expected some of plain, loop" in capsys.readouterr().err


def test_the_gpu_benchmark_runs_tiny_on_a_processor(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "gpu.json"
    asked = ["--tiny", "--device", "cpu", "--length", "64", "--batch", "2", "--steps", "3", "--warm", "1"]
    assert training_gpu.main([*asked, "--only", "lora, checkpointing;qlora", "--write", str(file)]) == 0
    found = json.loads(file.read_text())
    assert set(found["rows"]) == {"lora, checkpointing", "qlora"}
    for row in found["rows"].values():
        assert "not_run" in row or (row["loss_last"] < row["loss_first"] and row["tokens_per_s"] > 0)
    assert "loss_last" in found["rows"]["lora, checkpointing"]
    assert "MFU" in capsys.readouterr().out


def test_qlora_weights_are_in_four_bits() -> None:
    pytest.importorskip("bitsandbytes")
    import torch

    from train.lora.plan import Plan

    model = training_gpu.model_of(training_gpu.TINY, Plan(quantise="4bit"), "cpu")
    kinds = {name.rpartition(".")[2]: type(module).__name__ for name, module in model.named_modules()}
    assert kinds["q_proj"] == kinds["down_proj"] == "Linear4bit"
    assert kinds["lm_head"] == "Linear"
    weight = model.get_submodule("model.layers.0.self_attn.q_proj").weight
    assert weight.dtype is torch.uint8
    assert weight.numel() == 64 * 64 // 2


def test_parameters_and_shares_are_counted_as_told() -> None:
    from transformers import LlamaConfig, LlamaForCausalLM

    model = LlamaForCausalLM(LlamaConfig(**training_gpu.TINY))
    size = training_gpu.parameters(training_gpu.TINY)
    assert size["all"] == sum(weight.numel() for weight in model.parameters())
    assert training_gpu.parameters(training_gpu.LLAMA_8B)["all"] == 8_030_261_248  # as published
    half = Block((1,) * 4, (0, 1, 2, 3), (IGNORED, IGNORED, 1, 1))
    found = training_gpu.shares({"all": 100, "layers": 60, "head": 20}, [half], 10.0, 8000.0)
    assert found["mfu"] == pytest.approx(0.5)
    assert found["mfu_done"] == pytest.approx(4 * 70 * 10 / 8000)


def test_a_machine_without_a_gpu_says_so(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    import torch

    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert training_gpu.main([]) == 2
    assert "expected a GPU" in capsys.readouterr().err
