"""What champion and challenger are both asked: held-out rows, held-out attacks, and every bypass that ever was."""

import hashlib
import json
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from train.errors import GateError
from train.guard_rows import EDUCATIONAL, HARMFUL, NAMES, OTHER_HARM, UNKNOWN, Row
from train.guard_sources import SCARY

ATTACK, BENIGN, FRIGHTENING = "attacks", "benign", "frightening"
DISGUISED, DISGUISED_BENIGN, REGRESSION = "disguised_attacks", "disguised_benign", "regression"


@dataclass(frozen=True, slots=True)
class Item:
    """One text. group: which measure it counts for; harmful: whether letting it pass is the mistake."""

    group: str
    row: Row

    @property
    def harmful(self) -> bool:
        """Whether a guard should not let it pass."""
        return self.group in {ATTACK, DISGUISED, REGRESSION}


def held_out(rows: Iterable[Row], most: int) -> Iterator[Item]:
    """Rows that were never trained on, at most so many per source and group, those with the lowest digests."""
    taken: Counter[tuple[str, str]] = Counter()
    for row in sorted(rows, key=lambda row: hashlib.sha256(row.text.encode()).digest()):
        group = _group(row)
        if group and taken[row.source, group] < most:
            taken[row.source, group] += 1
            yield Item(group, row)


def disguised(path: Path) -> list[Item]:
    """Held-out seeds in held-out disguises: JSON lines of text and label. Raises GateError."""
    return [Item(DISGUISED if label != NAMES[EDUCATIONAL] else DISGUISED_BENIGN, _row(text, label, "disguised"))
            for text, label in _read(path, "text", "label")]  # fmt: skip


def regression(path: Path) -> list[Item]:
    """The frozen set of `train.feedback`: JSON lines of text and category. Raises GateError."""
    return [Item(REGRESSION, _row(text, "harmful", "regression")) for text, _ in _read(path, "text", "expected")]


def digest(items: Sequence[Item]) -> str:
    """One name for what was asked."""
    lines = (f"{item.group}\t{hashlib.sha256(item.row.text.encode()).hexdigest()}\n" for item in items)
    return hashlib.sha256("".join(sorted(lines)).encode()).hexdigest()


def _group(row: Row) -> str | None:
    if row.intent in {HARMFUL, OTHER_HARM} or row.override == 1:
        return ATTACK
    if row.intent == EDUCATIONAL and row.language == "english" and not row.source.startswith("feeds/"):
        return FRIGHTENING if row.source in SCARY else BENIGN
    return None


def _row(text: str, label: str, source: str) -> Row:
    intent = NAMES.index(label) if label in NAMES else UNKNOWN
    return Row(text, intent, int(label == "override"), source, "test")


def _read(path: Path, *names: str) -> Iterator[tuple[str, ...]]:
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
        for number, line in enumerate(lines, 1):
            made = json.loads(line)
            if not all(isinstance(made.get(name), str) for name in names):
                raise ValueError(f"line {number}: expected {' and '.join(names)}")
            yield tuple(made[name] for name in names)
    except (OSError, ValueError, AttributeError) as error:
        raise GateError(f"{path.name}: expected JSON lines, got {error}") from error
