"""From what a user named to a job: base model, rows, blocks. Everything that can be wrong is found here, not later."""

from dataclasses import dataclass
from pathlib import Path

from deployments import embedded
from deployments.chat import ChatFormat
from train.errors import DatasetError, ModelError, RunError
from train.lora import general
from train.lora.base import Base
from train.lora.dataset import Conversation, TeachingSet, read, sample
from train.lora.packing import Block, encode, pack
from train.lora.plan import Plan
from train.lora.run_file import RunFile


@dataclass(frozen=True, slots=True)
class Material:
    """The blocks of a run, and of which rows they are made."""

    blocks: tuple[Block, ...]
    held: tuple[Block, ...]
    digest: str
    rows: int
    too_long: int
    general: int = 0
    general_digest: str | None = None


def open_base(model: str, models: Path) -> Base:
    """An entry of models.yaml or a folder, hashed; raises ModelError when there is none, or none that can be tuned."""
    from deployments import garden

    try:
        folder = garden.resolve(model, models).absolute()
        return Base(folder.name, folder, embedded.open_folder(folder).digest)
    except (garden.GardenError, OSError, ValueError) as error:
        raise ModelError(f"{model}: {error}") from error


def require_adapter(folder: Path, base: Base) -> str:
    """The digest of an adapter of this base; raises ModelError for files that lack, RunError for another base."""
    from deployments.adapter import open_adapter

    try:
        digest = open_adapter(folder).digest
    except OSError as error:
        raise ModelError(f"{folder}: expected an adapter, got {error}") from error
    came = RunFile.read(folder).base
    if came.digest != base.digest:
        came_from = f"{came.name} {came.digest[:12]}"
        raise RunError(f"adapter {folder.name}: expected base {base.name} {base.digest[:12]}, came {came_from}")
    return digest


def require_room(base: Base, plan: Plan, *, use_gpu: bool) -> None:
    """Raises RunError when the memory of this machine, or of its GPU, cannot hold the run."""
    import psutil

    from deployments import garden

    if use_gpu:
        import torch

        free = torch.cuda.mem_get_info()[0]
    else:
        free = psutil.virtual_memory().available
    need = garden.room_for(base.folder, quantise=plan.quantise, training=True, plan=plan)
    if need > free:
        raise RunError(f"{base.name}: expected {need / 1e9:.1f} GB of free memory to train, found {free / 1e9:.1f}")


def gather(uri: str, base: Base, plan: Plan, replay: Path | None = None) -> Material:
    """Read, choose, encode and pack, with the general conversations of a file; raises DatasetError, ModelError."""
    found = read(uri)
    try:
        chat = ChatFormat.load(base.folder)
    except (OSError, KeyError, ValueError) as error:
        raise ModelError(f"{base.name}: expected a tokenizer with a chat template, got {error}") from error
    examples = [encode(chat, row, plan.length) for row in sample(of_split(found, "train", uri), plan)]
    fit = [example for example in examples if example is not None]
    if not fit:
        raise DatasetError(f"{uri}: expected rows of at most {plan.length} tokens, found none")
    more = general.read(replay, chat, plan.length) if replay else None
    held = [encode(chat, row, plan.length) for row in _held(of_split(found, "dev", uri), plan)]
    blocks = pack([*fit, *(more.examples if more else ())], plan.length, plan.seed)
    kept = pack([example for example in held if example is not None], plan.length, plan.seed)
    if not kept:
        raise DatasetError(f"{uri}: expected rows of split dev of at most {plan.length} tokens, found none")
    rows = len(fit), len(examples) - len(fit), len(more.examples) if more else 0
    return Material(tuple(blocks), tuple(kept), found.digest, *rows, more.digest if more else None)


def of_split(found: TeachingSet, split: str, uri: str) -> list[Conversation]:
    """The rows of a split; raises DatasetError when there is none."""
    rows = [row for row in found.rows if row.split == split]
    if not rows:
        raise DatasetError(f"{uri}: expected rows of split {split}, found none")
    return rows


def require_device(plan: Plan, *, use_gpu: bool, here: bool) -> None:
    """Raises RunError for a plan that needs a GPU and asks for none, or where this process is to have one and has not.

    4-bit weights run on a processor too, but bitsandbytes gives no gradient through all of its kernels there.
    """
    import torch

    if plan.quantise == "4bit" and not use_gpu:
        raise RunError("quantise 4bit: expected --use-gpu, since 4-bit weights pass no gradient on a processor")
    if here and use_gpu and not torch.cuda.is_available():
        raise RunError("expected a GPU, as --use-gpu asks for; this machine has none that torch can use")


def _held(rows: list[Conversation], plan: Plan) -> list[Conversation]:
    """Ids are digests, so the first by id are a random sample that no row is in for its content."""
    return rows[: plan.held]
