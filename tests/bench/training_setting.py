"""What all contestants of the training benchmark share: model, rows, plan, and which steps are counted."""

import random
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import BaseModel, ConfigDict

from train.lora.plan import Plan

if TYPE_CHECKING:
    from train.lora.base import Base
    from train.lora.packing import Block, Example

FAMILIES = (("define", "answer"), ("relation", "answer"), ("refuse", "refuse"), ("lesson", "teach"))
SENTENCES = (
    "A buffer overflow writes past the end of a buffer.",
    "It is noticed by a crash, by a canary value that has changed, or by a sanitizer in a test.",
    "Check the length before copying.",
    "Memory-safe languages, address space layout randomisation and non-executable stacks make it much less useful.",
    "The weakness is CWE-787.",
    "Ask the owner for permission in writing before testing a system that is not yours.",
    "A defender looks for processes that start a shell although they never did before.",
    "Patch, then verify that the patch is in place.",
)


class Setting(BaseModel):
    """One comparison. Steps 1 to `warm` are not counted, the next `steps` are, and one more ends the run uncounted.

    The product's loop evaluates and keeps a checkpoint after its last step, which is no part of what is compared.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    model: str
    models: Path
    data: str
    plan: Plan
    warm: int
    steps: int
    threads: int = 1

    def whole_plan(self) -> Plan:
        """The plan of a run of `warm + steps + 1` steps without evaluations in between."""
        last = self.warm + self.steps + 1
        return self.plan.model_copy(update={"steps": last, "every": last, "epochs": 10_000, "patience": 0})


@dataclass(frozen=True, slots=True)
class Material:
    """The rows as tokens: one by one and as packed blocks."""

    base: "Base"
    blocks: "tuple[Block, ...]"
    examples: "list[Example]"

    @classmethod
    def gather(cls, setting: Setting) -> "Material":
        """Read and encode; both forms hold the same conversations."""
        from deployments.chat import ChatFormat
        from train.lora.dataset import read, sample
        from train.lora.packing import encode
        from train.lora.preparing import gather, of_split, open_base

        plan, base = setting.whole_plan(), open_base(setting.model, setting.models)
        chat = ChatFormat.load(base.folder)
        rows = sample(of_split(read(setting.data), "train", setting.data), plan)
        examples = [example for row in rows if (example := encode(chat, row, plan.length)) is not None]
        return cls(base, gather(setting.data, base, plan).blocks, examples)


def tokens_of(blocks: "tuple[Block, ...]") -> int:
    """Tokens of the conversations in blocks. A conversation's last token is predicted but never fed; it counts too."""
    return sum(len(block.ids) + block.positions.count(0) for block in blocks)


def write_rows(folder: Path, count: int, longest: int, seed: int = 7) -> Path:
    """A teaching set of the real columns with answers of 1 to `longest` sentences, most of them short."""
    import hashlib

    import pyarrow as pa
    import pyarrow.parquet as pq

    from train.teaching.rows import SCHEMA

    folder.mkdir(parents=True, exist_ok=True)
    chance, rows = random.Random(seed), []  # noqa: S311 - made-up rows
    for number in range(count):
        family, verdict = FAMILIES[number % len(FAMILIES)]
        said = min(longest, 1 + int(chance.expovariate(3 / longest)))
        answer = " ".join(chance.choice(SENTENCES) for _ in range(said))
        messages = [
            {"role": "user", "content": f"What should I know about case {number}?"},
            {"role": "assistant", "content": answer},
        ]
        rows.append(dict.fromkeys(SCHEMA.names) | {
            "id": hashlib.sha256(f"{seed} {number}".encode()).hexdigest()[:32], "messages": messages, "family": family,
            "verdict": verdict, "split": "dev" if number % 20 == 0 else "train", "template_id": f"{family}/1.1",
            "template_split": "train", "object_ids": [f"X-{number}"], "source": ["own"], "license": "CC0-1.0",
            "shard": "own", "credits": [], "origins": [], "canary": False,
        })  # fmt: skip
    pq.write_table(pa.Table.from_pylist(rows, schema=SCHEMA), folder / "part-0000.parquet")
    return folder
