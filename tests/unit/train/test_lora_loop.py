"""The loop on a tiny model: packed rows see only themselves, runs resume to the same numbers, workers agree."""

import json
import os
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest
import torch

from deployments import embedded
from deployments.chat import ChatFormat
from deployments.engine.transformers_engine import TransformersEngine
from deployments.generation import Sampling
from tests.unit.train.tiny_model import write_model, write_rows
from train.errors import ModelError, RunError
from train.lora.base import Base, load_base, with_adapter
from train.lora.dataset import read
from train.lora.loop import Job, Trainer
from train.lora.packing import encode, pack
from train.lora.plan import Plan
from train.lora.preparing import gather
from train.lora.scoring import Scorer, collate, require_same_loss

ROOT = Path(__file__).resolve().parents[3]
PLAN = Plan(rank=4, length=512, batch=4, micro=2, epochs=3, every=3, dtype="fp32", rate=5e-3, patience=0)
CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def base(tmp_path_factory) -> Base:
    folder = write_model(tmp_path_factory.mktemp("models") / "tiny")
    return Base("tiny", folder, embedded.open_folder(folder).digest)


@pytest.fixture(scope="module")
def rows(tmp_path_factory) -> Path:
    return write_rows(tmp_path_factory.mktemp("rows"), 60)


def job(base: Base, rows: Path, plan: Plan = PLAN, **more: object) -> Job:
    found = gather(str(rows), base, plan)
    return Job(plan, base, found.digest, found.blocks, found.held, **more)


def losses(trainer: Trainer, folder: Path | None = None, until: int = 10**9) -> list[float]:
    """The losses of a run, which is cut off once step `until` has its checkpoint."""
    seen: list[float] = []

    class Cut(Exception):
        pass

    def report(progress) -> None:
        seen.append(progress.loss)
        if progress.save is not None and folder is not None:
            progress.save(folder)
            if progress.step >= until:
                raise Cut

    with suppress(Cut):
        trainer.run(report)
    return seen


def test_a_packed_row_has_the_loss_that_it_has_alone(base, rows) -> None:
    chat = ChatFormat.load(base.folder)
    examples = [encode(chat, row, 512) for row in read(str(rows)).rows[:9]]
    scorer = Scorer(with_adapter(load_base(base.folder, PLAN, CPU), PLAN)).eval()
    with torch.inference_mode():
        alone = sum(float(scorer(*collate(pack([example], 512, 0), CPU))) for example in examples)
        packed = pack(examples, 2048, 0)
        assert any(block.positions.count(0) > 2 for block in packed)
        together = float(scorer(*collate(packed, CPU)))
        padded = float(scorer(*collate(pack(examples, 700, 0), CPU)))
    assert together == pytest.approx(alone, rel=1e-5)
    assert padded == pytest.approx(alone, rel=1e-5)


def test_training_lowers_the_loss_and_the_adapter_works_in_the_engine(base, rows, tmp_path) -> None:
    trainer = Trainer(job(base, rows))
    standing, best = trainer.run(lambda _: None)
    assert standing.best < standing.curve[0]["eval_loss"] - 0.1
    trainer.export(tmp_path, best)
    engine = TransformersEngine.load(base.folder, tmp_path)  # raises where the adapter has no effect
    assert engine.complete([[5, 6, 7]], Sampling(3))
    assert str(base.folder) not in (tmp_path / "adapter_config.json").read_text()


def test_a_resumed_run_has_the_losses_of_one_that_was_never_cut(base, rows, tmp_path) -> None:
    plan = PLAN.model_copy(update={"dropout": 0.1})
    whole = losses(Trainer(job(base, rows, plan)))
    first = losses(Trainer(job(base, rows, plan)), tmp_path, until=6)
    again = losses(Trainer(job(base, rows, plan, resume=tmp_path)))
    assert len(first) == 6
    assert first + again == pytest.approx(whole, rel=1e-6)


def test_a_checkpoint_of_another_base_dataset_or_plan_is_refused(base, rows, tmp_path) -> None:
    losses(Trainer(job(base, rows)), tmp_path, until=3)
    with pytest.raises(RunError, match="expected plan"):
        Trainer(job(base, rows, PLAN.model_copy(update={"rate": 1e-4}), resume=tmp_path))
    other = Base("other", base.folder, "0" * 64)
    with pytest.raises(RunError, match="expected base 0000"):
        Trainer(job(other, rows, resume=tmp_path))
    (tmp_path / "state.json").write_text("{")
    with pytest.raises(RunError, match=r"state\.json"):
        Trainer(job(base, rows, resume=tmp_path))


def test_a_head_that_does_more_than_multiply_is_refused(base, rows) -> None:
    scorer = Scorer(with_adapter(load_base(base.folder, PLAN, CPU), PLAN))
    whole = scorer.model.get_base_model()
    whole.lm_head.register_forward_hook(lambda _m, _i, out: out)
    require_same_loss(scorer, job(base, rows).blocks[0], CPU)
    plain = whole.forward
    whole.forward = lambda *given, **named: _doubled(plain(*given, **named))
    with pytest.raises(ModelError, match="another head"):
        require_same_loss(scorer, job(base, rows).blocks[0], CPU)


def _doubled(out):
    out.logits = out.logits * 2 + 1
    out.logits[..., 0] += 9
    return out


def test_early_stop_keeps_the_best_adapter(base, rows) -> None:
    plan = PLAN.model_copy(update={"epochs": 30, "patience": 2, "rate": 0.3, "every": 2, "clip": 100.0})
    standing, best = Trainer(job(base, rows, plan)).run(lambda _: None)
    held = [point["eval_loss"] for point in standing.curve if point["eval_loss"] is not None]
    assert standing.since_best == 2
    assert standing.best == min(held)
    assert held[-2:] != sorted(held)[:2]
    assert best


def test_memory_is_saved_by_computing_activations_again(base, rows) -> None:
    plain = losses(Trainer(job(base, rows)))
    assert losses(Trainer(job(base, rows, PLAN.model_copy(update={"checkpointing": True})))) == pytest.approx(
        plain, rel=1e-5
    )


def test_four_bit_weights_train_and_keep_their_base(base, rows) -> None:
    plan = PLAN.model_copy(update={"quantise": "4bit", "dtype": "bf16"})
    seen = losses(Trainer(job(base, rows, plan)))
    assert seen[-1] < seen[0] - 0.1


WORKER = """
import json, sys
from pathlib import Path
import torch
from torch import distributed
from deployments import embedded
from train.lora.base import Base
from train.lora.loop import Job, Trainer
from train.lora.plan import Plan
from train.lora.preparing import gather
torch.set_num_threads(1)
folder, rows, out, plan = Path(sys.argv[1]), sys.argv[2], Path(sys.argv[3]), Plan.model_validate_json(sys.argv[4])
distributed.init_process_group("gloo", init_method=f"file://{out}/meet", rank=int(sys.argv[5]), world_size=2)
base = Base("tiny", folder, embedded.open_folder(folder).digest)
found = gather(rows, base, plan)
told = []
for resume in (None, out / "state"):
    trainer = Trainer(Job(plan, base, found.digest, found.blocks, found.held, None, resume))
    seen = []
    def report(progress):
        seen.append(progress.loss)
        if progress.save and trainer.rank == 0 and resume is None and progress.step == 6:
            progress.save(out / "state")
    standing, best = trainer.run(report)
    told.append(seen)
if trainer.rank == 0:
    trainer.export(out, best)
    (out / "losses.json").write_text(json.dumps(told))
distributed.destroy_process_group()
"""


def on_two(base: Base, rows: Path, plan: Plan, out: Path) -> list[list[float]]:
    """The losses of two workers without Ray: of the same run, and of what follows its checkpoint of step 6."""
    out.mkdir()
    given = [sys.executable, "-c", WORKER, str(base.folder), str(rows), str(out), plan.model_dump_json()]
    workers = [
        subprocess.Popen(
            [*given, rank], cwd=ROOT, env=os.environ | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"},
            stderr=subprocess.PIPE, text=True,
        ) for rank in "01"
    ]  # fmt: skip
    try:
        said = [worker.communicate(timeout=240)[1] for worker in workers]
    finally:
        for worker in workers:
            worker.kill()
    assert [worker.returncode for worker in workers] == [0, 0], "\n".join(each[-3000:] for each in said)
    return json.loads((out / "losses.json").read_text())


@pytest.mark.parametrize("shard", ["ddp", "fsdp"])
def test_two_workers_follow_one_and_resume_on_two(base, rows, tmp_path, shard) -> None:
    plan = PLAN.model_copy(update={"shard": shard, "batch": 3, "micro": 1})  # an odd batch: one worker has less to do
    alone = losses(Trainer(job(base, rows, plan)))
    together, resumed = on_two(base, rows, plan, tmp_path / shard)
    assert together == pytest.approx(alone, rel=1e-4)
    assert resumed == pytest.approx(alone[6:], rel=1e-4)
    assert TransformersEngine.load(base.folder, tmp_path / shard)


def test_a_killed_run_goes_on_from_its_checkpoint(base, rows, tmp_path) -> None:
    """`kill -9` of the whole process, through the command that a user types."""
    command = [
        sys.executable, "-m", "train.finetune", "--model", str(base.folder), "--data", str(rows),
        "--out", str(tmp_path),
        "--name", "run", "--num-workers", "0", "--length", "512", "--batch", "2", "--every", "2", "--epochs", "6",
        "--dtype", "fp32", "--patience", "0",
    ]  # fmt: skip
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    for line in process.stdout:
        if line.startswith("step 6/"):
            process.send_signal(signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL
    kept = max(int(path.name.rpartition("-")[2]) for path in (tmp_path / "run").glob("checkpoint-*"))
    done = subprocess.run([*command, "--steps", "0"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    steps = [int(line.split("/")[0].split()[1]) for line in done.stdout.splitlines() if line.startswith("step ")]
    assert kept >= 6
    assert steps[0] in (kept + 1, kept + 2)
    told = json.loads((tmp_path / "run" / "adapter" / "run.json").read_text())
    assert [point["step"] for point in told["curve"]] == list(range(len(told["curve"])))  # no step lost, none twice
    assert told["metrics"]["eval_loss"] < told["metrics"]["eval_loss_before"]
