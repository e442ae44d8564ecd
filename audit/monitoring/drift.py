"""How far what people ask about has moved: the angle between the mean embeddings of two samples of prompts.

Prompts are sealed, so this needs the key folder, and each measurement is an `access` record.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Protocol

from audit.errors import BadEntry
from audit.monitoring.rules import EMBEDDING, Rule

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

SAMPLE, FEWEST = 256, 200  # prompts of each window; below the latter the means are mostly chance
# rows are drawn by the hash of their id, so that the sample is the same for everybody
_IDS = """
with asked as (
    select request_id, ts > now() - interval 7 day as recent from stored
    where kind = 'request' and subject is not null and ts > now() - interval 35 day
)
select request_id, recent from asked
qualify row_number() over (partition by recent order by sha256(request_id)) <= {sample}
"""


class Embedder(Protocol):
    """Texts in, unit vectors out: one row per text."""

    def __call__(self, texts: Sequence[str]) -> npt.NDArray[np.float32]:
        """The embeddings of some texts."""
        ...


@dataclass(frozen=True, slots=True)
class Shift:
    """Measures the shift between the last week and the four before. `ask` sees no text, `open_text` does."""

    ask: Callable[[str], Sequence[Mapping[str, Any]]]
    open_text: Callable[[str], Sequence[Mapping[str, Any]]]
    embed: Embedder

    def measure(self) -> float | None:
        """1 - cosine of the two means, 0 to 2; None with too few prompts. AuditError, OSError."""
        drawn = {row["request_id"]: row["recent"] for row in self.ask(_IDS.format(sample=SAMPLE))}
        counts = [sum(recent is side for recent in drawn.values()) for side in (True, False)]
        if min(counts) < FEWEST:
            return None
        names = ", ".join(f"'{name}'" for name in drawn if "'" not in name)
        rows = self.open_text(f"select request_id, prompt from exchanges where request_id in ({names})")  # noqa: S608
        sides: dict[bool, list[str]] = {True: [], False: []}
        for row in rows:
            if row["prompt"] is not None:  # nobody's any more
                sides[drawn[row["request_id"]]].append(last_asked(row["prompt"]))
        if min(map(len, sides.values())) < FEWEST:
            return None
        return mean_shift(self.embed(sides[True]), self.embed(sides[False]))


def shift_rule() -> Rule:
    """When a shift is an alert; docs/monitoring.md has the measurement behind the levels."""
    return Rule(
        name=EMBEDDING,
        means="1 - cosine between the mean embeddings of the last week's prompts and of the four weeks before.",
        every=timedelta(days=1),
        again=timedelta(days=1),
        levels={"warning": 0.05, "critical": 0.15},
        sql="select null::double as value",
    )


def mean_shift(one: npt.NDArray[np.float32], other: npt.NDArray[np.float32]) -> float:
    """1 - cosine of the means of two sets of vectors."""
    import numpy as np

    a, b = one.mean(axis=0), other.mean(axis=0)
    lengths = float(np.linalg.norm(a) * np.linalg.norm(b))
    return 1.0 - float(a @ b) / lengths if lengths else 0.0


def last_asked(prompt: str) -> str:
    """The last thing that the user said in a logged conversation; BadEntry."""
    try:
        said = [str(message["content"]) for message in json.loads(prompt)["messages"] if message["role"] == "user"]
    except (ValueError, KeyError, TypeError) as error:
        raise BadEntry(f"prompt: expected messages, got {type(error).__name__}") from error
    return said[-1] if said else ""
