"""From what a user asked for to a task: everything that can be wrong is found here, before anything long begins."""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from deployments.chat import ChatFormat
from train.errors import ModelError, RunError
from train.learning import folder, preferences
from train.lora.base import Base
from train.lora.dataset import TeachingSet, read
from train.lora.preparing import of_split, open_base, require_adapter, require_device, require_room
from train.parts import located
from train.placement import join_cluster, worker_resources
from train.preference import pair as pairs_file
from train.preference.bank import Bank
from train.preference.building import balanced, build, choose, counts
from train.preference.pair import Pair
from train.preference.settings import Settings

PREFERENCES = "preferences.json"
Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a user asks for; nothing of it is checked yet. 0 workers: in this process, without Ray."""

    model: str
    models: Path
    adapter: Path
    teaching: str
    out: str
    name: str
    settings: Settings
    workers: int = 0
    use_gpu: bool = False
    feedback: Path | None = None


@dataclass(frozen=True, slots=True)
class Prepared:
    """A run whose pairs lie in `place`; `told` is its preferences.json."""

    wanted: Wanted
    base: Base
    start: str
    digest: str
    told: dict[str, Any]

    @property
    def place(self) -> str:
        """Where the run lies, a folder or URI."""
        return f"{absolute(self.wanted.out)}/{self.wanted.name}"


def prepare(wanted: Wanted, say: Say) -> Prepared:
    """Check, then make the pairs, or find those that this very run made before. Raises TrainError."""
    settings = wanted.settings
    require_shares(settings, wanted.workers)
    base = open_base(wanted.model, wanted.models)
    start = require_adapter(wanted.adapter, base)
    settings = with_shape(settings, wanted.adapter)
    wanted = _with(wanted, settings)
    require_device(settings.plan, use_gpu=wanted.use_gpu, here=not wanted.workers)
    if not wanted.workers:
        if "://" in wanted.out:
            raise RunError(f"--out: expected a folder with --num-workers 0, got {wanted.out[:200]!r}")
        require_room(base, settings.plan, use_gpu=wanted.use_gpu)
    else:
        join_cluster(wanted.workers, worker_resources(use_gpu=wanted.use_gpu))
    found = read(wanted.teaching)
    origin = {"base": base.digest, "start_adapter": start, "dataset": found.digest, "settings": settings.digest}
    if wanted.feedback:
        told = folder.require_unchanged(wanted.feedback, [preferences.NAME])
        origin["feedback"] = told["files"][preferences.NAME]["sha256"]
    place = f"{absolute(wanted.out)}/{wanted.name}"
    made = _earlier(place, wanted.name, origin) or _make(wanted, base, found, origin, place, say)
    return Prepared(wanted, base, start, found.digest, made)


def absolute(uri: str) -> str:
    """The place with no need of a working folder, which Ray's workers have another of."""
    return uri if "://" in uri else str(Path(uri).absolute())


def require_shares(settings: Settings, workers: int) -> None:
    """Raises RunError where a batch does not come out even, or KTO has no neighbour to compare with."""
    plan = settings.plan
    if settings.method == "kto" and plan.micro < 2:
        raise RunError(f"--micro: expected 2 or more with KTO, which compares neighbours; got {plan.micro}")
    if plan.batch % (plan.micro * max(1, workers)):
        raise RunError(f"--batch: expected a multiple of {plan.micro} x {max(1, workers)} workers, got {plan.batch}")


def with_shape(settings: Settings, adapter: Path) -> Settings:
    """The settings with the rank of the adapter that is gone on from; raises ModelError."""
    try:
        shape = json.loads((adapter / "adapter_config.json").read_text())
        rank, alpha = int(shape["r"]), int(shape["lora_alpha"])
    except (OSError, KeyError, TypeError, ValueError) as error:
        raise ModelError(f"{adapter}: expected a LoRA adapter, got {error!r}") from error
    plan = settings.plan.model_copy(update={"rank": rank, "alpha": alpha, "dropout": 0.0})
    return settings.model_copy(update={"plan": plan})


def fitting(pairs: Sequence[Pair], chat: ChatFormat, length: int) -> list[Pair]:
    """The pairs whose question and longer answer stay whole within so many tokens."""
    return [
        pair
        for pair in pairs
        if len(chat.encode(pair.prompt)) + max(map(len, map(chat.encode_answer, (pair.chosen, pair.rejected))))
        <= length
    ]


def _make(
    wanted: Wanted, base: Base, found: TeachingSet, origin: dict[str, str], place: str, say: Say
) -> dict[str, Any]:
    """Build the pairs of both splits and put them, with what they are, into the run's storage."""
    from train.preference.complying import sample
    from train.teaching.store import put_json

    settings, plan, bank = wanted.settings, wanted.settings.plan, Bank.load()
    chosen = choose(of_split(found, "train", wanted.teaching), plan.rows or len(found.rows))
    held = choose(of_split(found, "dev", wanted.teaching), plan.held)
    chat = _chat(base)
    sampled = sample(chosen["refuse"][: settings.sampled], base.folder, wanted.adapter, plan.seed, say)
    made: list[Pair] = []
    told: dict[str, Any] = {"format": 1, "method": settings.method, "beta": settings.beta, "origin": origin}
    told |= {"asked": len(chosen["refuse"][: settings.sampled]), "too_long": {}, "sides": {}}
    for split, rows, own in (("train", chosen, sampled), ("dev", held, {})):
        built = [*build(rows, bank, own), *(_decided(wanted.feedback) if split == "train" else ())]
        fit = fitting(built, chat, plan.length)
        even = balanced(fit)
        told["too_long"][split], told["sides"][split] = len(built) - len(fit), counts(even)
        made += even
    files, root = located(place)
    files.create_dir(root, recursive=True)
    pairs_file.write(place, made)
    put_json(place, PREFERENCES, told)
    return told


def _decided(feedback: Path | None) -> list[Pair]:
    """The pairs out of reviewers' decisions; raises DatasetError."""
    found = folder.read(feedback, preferences.NAME, preferences.Preference) if feedback else []
    return [one.pair for one in found]


def _chat(base: Base) -> ChatFormat:
    try:
        return ChatFormat.load(base.folder)
    except (OSError, KeyError, ValueError) as error:
        raise ModelError(f"{base.name}: expected a tokenizer with a chat template, got {error}") from error


def _earlier(place: str, name: str, origin: dict[str, str]) -> dict[str, Any] | None:
    """What a run of this name said about its pairs; raises RunError when it is a run of something else."""
    files, root = located(place)
    path = f"{root}/{PREFERENCES}"
    if not files.get_file_info(path).is_file:
        return None
    with files.open_input_stream(path) as stream:
        told: dict[str, Any] = json.loads(stream.read())
    for what, want in origin.items():
        came = str(told.get("origin", {}).get(what))
        if came != want:
            raise RunError(
                f"run {name} exists: expected {what} {want[:12]}, came {came[:12]}; choose another --name to begin anew"
            )
    return told


def _with(wanted: Wanted, settings: Settings) -> Wanted:
    from dataclasses import replace

    return replace(wanted, settings=settings)
