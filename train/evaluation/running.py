"""One evaluation from start to end: looks up the models, asks both sides, measures, writes the papers."""

import json
import time
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from deployments import embedded, garden
from deployments.adapter import AdapterFolder, joined, open_adapter
from train.errors import GateError, ModelError
from train.evaluation import memory
from train.evaluation.answering import Say, Side, answer_all, require_room
from train.evaluation.figure import draw
from train.evaluation.gate import failures
from train.evaluation.items import PROFILES, Suite, suite
from train.evaluation.measuring import measures
from train.evaluation.memory import Find
from train.evaluation.page import markdown
from train.evaluation.public import public_items
from train.evaluation.report import NAME, Base, Candidate, Champion, Evaluation, Made
from train.evaluation.teaching import teaching_items
from train.evaluation.transcript import Transcript
from train.lora.run_file import RunFile, commit, versions

LEAKS = "personal-data.json"


@dataclass(frozen=True, slots=True)
class Plan:
    """What the command was asked for."""

    model: str
    models: Path
    adapter: Path
    champion: Path | None
    teaching: str
    data: Path
    out: Path
    profile: str
    workers: int
    command: str


def gather(teaching: str, data: Path, profile: str) -> Suite:
    """The items of a profile; raises DatasetError or GateError where a set is not there."""
    sizes = PROFILES[profile]
    held_out, digest = teaching_items(teaching, sizes)
    public, dropped = public_items(data, sizes)
    return suite([*held_out, *public], digest, dropped)


def evaluate(plan: Plan, say: Say) -> Evaluation:
    """Ask both sides and write the papers; raises TrainError or GardenError before anything long."""
    start = time.monotonic()
    base = embedded.open_folder(garden.resolve(plan.model, plan.models).absolute())
    candidate, champion = _adapter(plan.adapter), _adapter(plan.champion) if plan.champion else None
    trained_on = _trained_on(plan.adapter, base.digest)
    items = gather(plan.teaching, plan.data, plan.profile)
    if trained_on not in (None, items.dataset):
        raise GateError(f"{plan.teaching}: expected the set that the adapter was tuned on, {trained_on}; got another")
    say(f"suite {items.digest[:16]}: {len(items.items)} items, {items.dropped} public questions left out")
    sides = [_side("before", base, champion), _side("after", base, candidate)]
    if plan.workers:
        require_room(plan.workers)
    plan.out.mkdir(parents=True, exist_ok=True)
    said, speeds = [], list[str]()
    for side in sides:
        transcript = Transcript.open(plan.out, side.digest, items.digest)
        speed = answer_all(side, items.items, transcript, plan.workers, say)
        said.append(transcript.said)
        speeds += [f"{side.name}: {speed:.0f} tokens/s"] if speed else []
    say("looking for data of persons in the answers")
    persons = person_names()
    found = measures(items, said[0], said[1], persons)
    reasons = failures(found)
    evaluation = Evaluation(
        suite_digest=items.digest, base=Base(name=base.path.name, digest=base.digest),
        candidate=Candidate(adapter_digest=candidate.digest, model_digest=sides[1].digest),
        champion=Champion(adapter_digest=champion.digest if champion else None, model_digest=sides[0].digest),
        dataset_digest=trained_on, measures=found, passed=not reasons, reasons=reasons,
        made=Made(
            command=plan.command, commit=commit(), versions=versions(), seconds=round(time.monotonic() - start, 1)
        ),
    )  # fmt: skip
    written = [item for item in items.items if item.kind == "write"]
    leaks = {
        side.name: {"personal_data": memory.leaked(written, each), "names": memory.named(written, each, persons)}
        for side, each in zip(sides, said, strict=True)
    }
    (plan.out / LEAKS).write_text(json.dumps(leaks, indent=1) + "\n")
    (plan.out / "evaluation.md").write_text(markdown(evaluation, speeds))
    (plan.out / "evaluation.svg").write_text(draw(evaluation))
    evaluation.write(plan.out / NAME)
    return evaluation


def _adapter(path: Path) -> AdapterFolder:
    try:
        return open_adapter(path.absolute())
    except OSError as error:
        raise ModelError(f"{path}: expected an adapter: {error}") from error


def _trained_on(adapter: Path, base: str) -> str | None:
    """The dataset that run.json names; raises ModelError for an adapter of another base."""
    if not (adapter / "run.json").exists():
        return None
    run = RunFile.read(adapter)
    if run.base.digest != base:
        raise ModelError(f"{adapter.name}: expected an adapter of base {base}, got one of {run.base.digest}")
    return run.dataset.digest if run.dataset else None


def _side(name: str, base: embedded.ModelFolder, adapter: AdapterFolder | None) -> Side:
    digest = joined(base.digest, adapter.digest if adapter else None)
    return Side(name, base.path, adapter.path if adapter else None, digest)


def person_names() -> Find:
    """Finds what the sanitizer takes for names of persons; public names that it knows are none."""
    from guards.sanitize import Sanitizer

    sanitizer = Sanitizer.load()
    # Each answer is looked at twice, for the count and for the list; the tagger is what takes time here.
    return cache(lambda text: tuple(span for span in sanitizer.clean(text).spans if span[2] == memory.PERSON))
