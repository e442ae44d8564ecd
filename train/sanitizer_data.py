"""The sanitizer's rows: Presidio's generated sentences, security documents of our own, and feed text that must stay.

Sides are drawn by template: near-duplicates among template skeletons, of both Presidio sets together, share one side.
One kind of document is left out of training whole. The same folder gives the same rows.
"""

import gzip
import hashlib
import json
import random
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from train import guard_duplicates, guard_feeds
from train.sanitizer_slots import Names, Slots

SETS = Path(__file__).parent / "sanitizer_sets"
UNSEEN = "pentest"  # the kind of document that training never sees
COPIES = 16  # of each template
DRAW = "2:"  # of the sides; a new one makes templates that were looked into teach, and unread ones measure
_SAME = {
    "STREET_ADDRESS": "ADDRESS", "ZIP_CODE": "ADDRESS", "GPE": "LOCATION", "CREDIT_CARD": "CARD",
    "PHONE_NUMBER": "PHONE", "EMAIL_ADDRESS": "EMAIL", "DOMAIN_NAME": "URL", "US_SSN": "SSN", "IBAN_CODE": "IBAN",
    "IP_ADDRESS": "IP", "US_DRIVER_LICENSE": "ID",
}  # fmt: skip
KEPT = frozenset({"LOCATION", "TITLE", "PREFIX", "AGE", "DATE_TIME", "NRP"})  # by guards/sanitizer.yaml

Span = tuple[int, int, str]


@dataclass(frozen=True, slots=True)
class Example:
    """A text and all that is labelled in it; split: train, dev, test or unseen. kind: its document kind or set."""

    text: str
    spans: tuple[Span, ...]
    kind: str
    template: str
    split: str = "train"


def side(name: str) -> str:
    """Of twenty templates, three are only measured, two choose thresholds."""
    number = int.from_bytes(hashlib.sha256((DRAW + name).encode()).digest()[:4], "big") % 20
    return "test" if number < 3 else "dev" if number < 5 else "train"


def presidio(folder: Path) -> list[Example]:
    """Both generated sets; spans under our labels."""
    rows = []
    for name in ("presidio_synth_v2", "presidio_generated_large"):
        with gzip.open(folder / "pii" / f"{name}.jsonl.gz", "rt", encoding="utf-8") as lines:
            for row in map(json.loads, lines):
                spans = tuple(sorted((s["start"], s["end"], _SAME.get(s["label"], s["label"])) for s in row["spans"]))
                skeleton = _skeleton(row["text"], spans)  # of the parts, before they are joined: sides hang on it
                rows.append(Example(row["text"], tuple(_whole(row["text"], spans)), "presidio", skeleton))
    skeletons = sorted({row.template for row in rows})
    joined = guard_duplicates.clusters(skeletons, guard_duplicates.Sketches(), 0.4)
    sides = {skeleton: side(skeletons[number]) for skeleton, number in zip(skeletons, joined, strict=True)}
    return [replace(row, split=sides[row.template]) for row in rows]


def _whole(text: str, spans: Sequence[Span]) -> Iterator[Span]:
    """Spans, those of one address as one: one set labels number, street, town and code apart, the other does not."""
    group: list[Span] = []
    for span in (*spans, (len(text), len(text), "")):
        if group and not (
            {span[2], group[-1][2]} <= {"ADDRESS", "LOCATION"}
            and re.fullmatch(r"[\s,.;>]{0,6}", text[group[-1][1] : span[0]])
        ):
            if any(label == "ADDRESS" for *_, label in group):
                yield group[0][0], group[-1][1], "ADDRESS"
            else:
                yield from group
            group = []
        group.append(span)


def _skeleton(text: str, spans: Sequence[Span]) -> str:
    parts, last = [], 0
    for start, end, _ in spans:
        parts += [text[last:start], "slot"]
        last = end
    return re.sub(r"\W+", " ", "".join([*parts, text[last:]])).strip().lower()


def templates() -> Iterator[tuple[str, str]]:
    """Kind and text of every template of ours."""
    for path in sorted(SETS.glob("*.txt")):
        for line in path.read_text(encoding="utf-8").splitlines():
            yield path.stem, line.replace("\\n", "\n")


def generated(slots: Slots, copies: int = COPIES) -> Iterator[Example]:
    """Our documents, each template `copies` times."""
    for kind, template in templates():
        split = "unseen" if kind == UNSEEN else side(template)
        for _ in range(copies):
            yield _filled(slots, kind, template, split)


def _filled(slots: Slots, kind: str, template: str, split: str) -> Example:
    text, spans = "", []
    for part in re.split(r"(\{[a-z]+\})", template):
        if re.fullmatch(r"\{[a-z]+\}", part):
            value, label = slots.fill(part[1:-1])
            if label:
                spans.append((len(text), len(text) + len(value), label))
            text += value
        else:
            text += part
    careless = {"chat": 0.3, "everyday": 0.12}.get(kind, 0.0)
    if slots.rng.random() < careless and len(text.lower()) == len(text):
        text = text.lower()
    return Example(text, tuple(spans), kind, template, split)


def public_names(folder: Path) -> Names:
    """Products, vendors, malware, groups and techniques of the feeds."""
    from train.archives import Limits, members

    def read(name: str) -> dict[str, list[dict[str, object]]]:
        found: dict[str, list[dict[str, object]]] = {}
        for member in members(folder / "knowledge" / name, name, Limits()):
            found = json.loads(member.stream.read())
        return found

    kev = read("kev/known_exploited_vulnerabilities.json.gz")["vulnerabilities"]
    attack = read("attack/enterprise-attack-18.1.stix20.json.zst")["objects"]

    def named(kind: str) -> tuple[str, ...]:
        return tuple(sorted({str(each["name"]) for each in attack if each["type"] == kind}))

    return Names(
        tuple(sorted({str(each["product"]) for each in kev if len(str(each["product"])) < 40})),
        tuple(sorted({str(each["vendorProject"]) for each in kev})), named("malware"), named("intrusion-set"),
        named("attack-pattern"), tuple(sorted({str(each["cveID"]) for each in kev})),
    )  # fmt: skip


def kept_text(folder: Path, seed: int = 7) -> list[Example]:
    """Feed prose and CyNER's training sentences: nothing in them is to be masked."""
    rng = random.Random(seed)  # noqa: S311 - reproducible, not secret
    prose = [text for text in guard_feeds.read(folder / "knowledge", rng).passages if "@" not in text]
    with gzip.open(folder / "ner" / "cyner.jsonl.gz", "rt", encoding="utf-8") as lines:
        news = [row["text"] for row in map(json.loads, lines) if row["category"] == "ner/train"]
    return [Example(text, (), "feeds", text, side(text)) for text in (*prose, *rng.sample(news, 1000))]


def rows(folder: Path, copies: int = COPIES) -> list[Example]:
    """All rows of all sides."""
    slots = Slots(public_names(folder))
    return [*presidio(folder), *generated(slots, copies), *kept_text(folder)]


def joined(examples: Sequence[Example], share: float, rng: random.Random) -> Iterator[Example]:
    """Some examples with the next one below them: what stands above a line says little about it."""
    for first, second in zip(examples, [*examples[1:], *examples[:1]], strict=True):
        if rng.random() >= share or len(first.text) > 250:
            yield first
            continue
        between = rng.choice(("\n", " ", "\n\n"))
        shift = len(first.text) + len(between)
        moved = tuple((start + shift, end + shift, label) for start, end, label in second.spans)
        yield replace(first, text=f"{first.text}{between}{second.text}", spans=(*first.spans, *moved))
