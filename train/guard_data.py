"""The guard's rows: public prompt sets, sentences written for it, questions made from feeds; split, and disguised.

Near-duplicates stand on one side of the split, and whatever resembles a held-out row leaves the training rows. All
draws come from one seeded generator, so the same folder gives the same rows. What decisions taught may be added.
"""

import hashlib
import json
import random
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from guards import normalize
from train import guard_duplicates, guard_feeds, guard_joined, guard_mutations, guard_sources
from train.guard_rows import EDUCATIONAL, HARMFUL, NAMES, OTHER_HARM, UNKNOWN, Row
from train.guard_voices import Voices
from train.learning import contamination

SETS = Path(__file__).parent / "guard_sets"
# Every second language of the translated set, by the alphabet: what the measure of unseen languages leaves out.
LEFT_OUT_LANGUAGES = frozenset({"bengali", "french", "hindi", "italian", "korean", "russian", "tagalog", "turkish"})
_WINDOW_WORDS = 90  # about what one window of the encoder holds


@dataclass(frozen=True, slots=True)
class Split:
    """All rows by their side. removed: training rows per source that resembled a held-out row.

    feedback: what the contamination check said of the rows that decisions taught; empty where none were asked for.
    """

    rows: tuple[Row, ...]
    removed: dict[str, int]
    feedback: dict[str, Any] = field(default_factory=dict)

    def of(self, *names: str) -> list[Row]:
        """Rows of these sides."""
        return [row for row in self.rows if row.split in names]


def written() -> Iterator[Row]:
    """The sentences in guard_sets/, one source per file; the label override may come with a false flag."""
    for path in sorted(SETS.glob("*.jsonl")):
        for line in path.read_text(encoding="utf-8").splitlines():
            made = json.loads(line)
            intent = UNKNOWN if made["label"] == "override" else NAMES.index(made["label"])
            pair = f"{path.stem} {made['pair']}" if "pair" in made else ""
            language = made.get("lang", "english")
            yield Row(made["text"], intent, int(intent == UNKNOWN), f"written/{path.stem}", "train", language, pair)


def _hashed(text: str, parts: int) -> int:
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:4], "big") % parts


def _by_chance(text: str) -> str:
    """Of 20 clusters, 3 are only measured, 2 fit the thresholds."""
    return ("known", "known", "known", "tune", "tune", *["train"] * 15)[_hashed(text, 20)]


def _placed(rows: Sequence[Row], sketches: guard_duplicates.Sketches) -> list[Row]:
    """Every row of a trained source on the side of its pair, else of its cluster."""
    numbers = guard_duplicates.clusters([row.text for row in rows], sketches)
    return [
        replace(row, split=_by_chance(row.pair or rows[number].text)) if row.split == "train" else row
        for row, number in zip(rows, numbers, strict=True)
    ]


def _passages(feeds: guard_feeds.Feeds, voices: Voices, rng: random.Random) -> Iterator[Row]:
    """Teaching prose, alone and as the answer to a question."""
    for text in feeds.passages:
        yield Row(text, EDUCATIONAL, 0, "feeds/passages", "test" if _hashed(text, 3) == 0 else "train")
    known = [text for text in feeds.passages if _hashed(text, 3)]
    for _ in range(500):
        yield Row(f"{voices.say('educational')}\n\n{rng.choice(known)}", EDUCATIONAL, 0, "feeds/exchanges")


def _composed(rows: Sequence[Row], rng: random.Random, most: int = 500) -> list[Row]:
    """Jailbreak templates with their slot filled by an ask whose intent is known."""
    asks = [row for row in rows if row.intent in {HARMFUL, OTHER_HARM} and len(row.text) < 200]
    slotted = [row for row in rows if "[ASK]" in row.text]
    rng.shuffle(slotted)
    chosen = [(row, rng.choice(asks)) for row in slotted[:most]] if asks else []
    return [replace(row, text=row.text.replace("[ASK]", ask.text), intent=ask.intent) for row, ask in chosen]


def _cut(row: Row, rng: random.Random) -> Row:
    """As long as one window: attacks from their beginning, all else from anywhere."""
    words = row.text.split(" ")
    if len(words) <= _WINDOW_WORDS:
        return row
    start = rng.randrange(len(words) - _WINDOW_WORDS) if row.label == NAMES[EDUCATIONAL] and rng.random() < 0.5 else 0
    return replace(row, text=" ".join(words[start : start + _WINDOW_WORDS]))


def split(folder: Path, left_out: str | None = None, seed: int = 7, feedback: Path | None = None) -> Split:
    """All rows. left_out names a group of sources whose rows all become test rows, or "languages".

    feedback: a folder that `train.feedback` filled; its rows join the training rows, and none of these touches what is
    held out. Raises DatasetError, KnowledgeError for one that cannot be used.
    """
    rng = random.Random(seed)  # noqa: S311 reproducible, not secret
    feeds = guard_feeds.read(folder / "knowledge", rng)
    voices = Voices(feeds, rng)
    public = [
        replace(row, split="test") if source.group == left_out else row
        for source in guard_sources.SOURCES
        for row in guard_sources.read(folder, source, rng)
    ]
    sketches = guard_duplicates.Sketches()
    distinct = list({row.text.casefold(): row for row in (*written(), *public)}.values())
    if left_out == "languages":
        distinct = [replace(row, split="test") if row.language in LEFT_OUT_LANGUAGES else row for row in distinct]
    every = [*_placed(distinct, sketches), *voices.rows(), *_passages(feeds, voices, rng)]
    held_out = [row for row in every if row.split != "train"]
    train = [row for row in every if row.split == "train"]
    checked = contamination.join(train, feedback, folder) if feedback else None
    train = checked.rows if checked else train
    train += [*_composed(train, rng), *guard_joined.joined(train, rng)]
    bad = guard_duplicates.leaked([row.text for row in train], (row.text for row in held_out), sketches)
    removed = Counter(train[i].source for i in bad)
    clean = [_as_trained(row, rng) for i, row in enumerate(train) if i not in bad]
    rng.shuffle(clean)
    return Split((*clean, *held_out), dict(removed), checked.told() if checked else {})


def _as_trained(row: Row, rng: random.Random) -> Row:
    """As the encoder will see it: one window, read by the normaliser; one row in seven comes out of a disguise."""
    row = _cut(row, rng)
    if row.language == "english" and rng.random() < 0.14:
        return replace(row, text=guard_mutations.as_read(row.text, rng))
    return replace(row, text=normalize.canonical(row.text))
