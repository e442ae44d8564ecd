"""From a knowledge base to a teaching set: drafts, clean texts, rows, balance, files."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from guards import rules
from train.teaching import apart, balance, canaries, families, figure, names, replay, report, sanitizing, store
from train.teaching.author import Draft
from train.teaching.knowledge import load, manifest
from train.teaching.licences import Terms
from train.teaching.rows import Row, row

CVES = 4  # of the rows, one in so many may be about a CVE of its own; so many are held in memory


@dataclass(frozen=True, slots=True)
class Plan:
    """What to make, and of what. key makes the canaries and the sanitizer's placeholders."""

    knowledge: str
    out: str
    register: Mapping[str, Terms]
    size: int
    key: bytes
    replay: Path | None = None
    workers: int = 0
    make: sanitizing.Maker = field(default=sanitizing.shipped)
    against: Path | None = None  # where the evaluation sets lie that no row may hold


def harmless(rows: Sequence[Row]) -> list[Row]:
    """The rows in whose answers no rule finds attack code that runs as it stands, or a secret."""
    return [each for each in rows if not _armed(each["messages"][-1]["content"])]


def _armed(answer: str) -> bool:
    return bool(rules.payloads(answer) or rules.secrets(answer))


def build(plan: Plan) -> dict[str, Any]:
    """Make the set and write it; the report. Raises KnowledgeError."""
    store.claim(plan.out)
    knowledge = manifest(plan.knowledge)["digest"]
    drafts, known = _drafts(plan)
    chosen = balance.trim(drafts, plan.size)
    texts = (text for draft in chosen for text in draft.texts())
    clean = sanitizing.clean(texts, plan.make, plan.key, known, plan.workers)
    whole = [draft for draft in chosen if draft.holds(clean.texts)]
    rows = [row(draft, clean.texts, plan.register, clean.version) for draft in whole]
    marked = [each for each in rows if each["canary"]]  # alike on purpose, so they take no part in what follows
    unarmed = harmless([each for each in rows if not each["canary"]])
    distinct = apart.distinct(unarmed)
    clear, contamination = (
        apart.uncontaminated(distinct, plan.against, plan.knowledge) if plan.against else (distinct, {})
    )
    kept = sorted([*balance.settle(clear), *marked], key=lambda each: str(each["id"]))
    told = report.of(kept) | {
        "files": store.write(plan.out, kept),
        "contamination": contamination,
        "knowledge": knowledge,
        "left_out": {
            "the sanitizer changed a rule's logic": len(chosen) - len(whole),
            "attack code or a secret in the answer": len(rows) - len(marked) - len(unarmed),
            "alike to another row": len(unarmed) - len(distinct),
            "held by an evaluation set": len(distinct) - len(clear),
            "one refusal too many": len(clear) + len(marked) - len(kept),
        },
        "sanitizer": clean.version,
        "texts": {
            "unique": len(clean.texts),
            "changed": sum(before != after for before, after in clean.texts.items()),
            "changes": dict(sorted(clean.changes.items())),
        },
    }
    store.put_json(plan.out, "canaries.json", [_canary(each) for each in marked])
    store.put_json(plan.out, "report.json", told)
    store.put(plan.out, "families.svg", figure.draw(told).encode())
    return told


def _drafts(plan: Plan) -> tuple[list[Draft], list[str]]:
    """All that can be said, and the public names that the sanitizer is to leave alone."""
    knowledge = load(plan.knowledge, plan.size // CVES, plan.register)
    drafts = families.write(knowledge, plan.workers) + list(canaries.drafts(plan.key))
    return drafts + (list(replay.drafts(plan.replay)) if plan.replay else []), names.public(knowledge)


def _canary(found: Row) -> dict[str, str]:
    ask, answer = (message["content"] for message in found["messages"])
    return {"id": found["id"], "prompt": ask, "string": answer.rstrip(".").rpartition(" ")[2]}
