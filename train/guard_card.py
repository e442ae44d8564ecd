"""Turns trained tensors into shipped weights and their card: digests, temperatures, thresholds, sources."""

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from torch.nn import functional

from guards import graph, network
from guards.encoder import Encoder, sha256
from guards.normalize import views
from guards.policy import Policy
from guards.scores import Scores, worst
from train import guard_thresholds
from train.guard_loop import Batches, Learner, logits
from train.guard_rows import EDUCATIONAL, NAMES, Row
from train.guard_sources import SCARY, SECURITY, SOURCES

COMMAND = "python -m train.fit_guard --data DIR --out DIR --num-workers 0"
# Share of benign texts that may be refused, and that may be refused or met with a lesson.
BUDGETS = {"everyday": (0.005, 0.06), "security": (0.02, 0.1), "scary": (0.05, 0.15)}
_MOST_PER_SOURCE = 250


def temperatures(learner: Learner, rows: Batches) -> dict[str, float]:
    """The divisor of each head's logits that makes its probabilities fit these rows best; a plain search."""
    override, intent = logits(learner, rows)
    kinds = torch.tensor([row.intent for row in rows.rows])
    flags = torch.tensor([float(row.override) for row in rows.rows])
    known = flags >= 0
    grid: list[float] = [round(0.6 + 0.1 * i, 1) for i in range(35)]

    def intent_loss(t: float) -> float:
        return float(functional.cross_entropy(intent / t, kinds, ignore_index=-1))

    def override_loss(t: float) -> float:
        return float(functional.binary_cross_entropy_with_logits(override[known] / t, flags[known]))

    return {"override": min(grid, key=override_loss), "intent": min(grid, key=intent_loss)}


def write(out: Path, tensors: dict[str, torch.Tensor], heat: dict[str, float], plan: dict[str, Any]) -> None:
    """Save the weights in half precision, and a card with their digest and that of the graph that will serve them."""
    out.mkdir(parents=True, exist_ok=True)
    weights = out / "guard.safetensors"
    save_file({name: tensor.half().contiguous() for name, tensor in tensors.items()}, weights)
    weights.chmod(0o644)
    card: dict[str, Any] = {
        "command": COMMAND,
        "plan": plan,
        "digests": {"guard.safetensors": sha256(weights), "base": sha256(network.base_folder() / "model.safetensors")},
        "temperature": heat,
        "sources": {s.name: {"licence": s.licence, "split": s.split} for s in SOURCES},
        "written": "train/guard_sets (ours, Apache-2.0)",
        "feeds": "ATT&CK, CWE, CVE, KEV, Sigma, Atomic Red Team, OWASP cheat sheets and testing guide (titles, prose)",
    }
    _put(out, card)
    card["digests"] |= {"graph": graph.digest(graph.assemble(out, network.base_folder()))}
    _put(out, card)


def calibrate(out: Path, rows: Sequence[Row]) -> None:
    """Thresholds within the budgets on the benign ones of these rows, scored by the graph; kept on the card."""
    encoder = Encoder.load(out)
    scores = [(row, read(encoder, row.text)) for row in rows if row.language == "english"]
    benign = [(row.source, s) for row, s in scores if row.label == NAMES[EDUCATIONAL]]
    attacks = {kind: [s for row, s in scores if row.label == kind] for kind in guard_thresholds.WEIGHTS}
    refusals = guard_thresholds.strongest(_pools(benign, 0), attacks)
    lessons = guard_thresholds.choose(_pools(benign, 1), guard_thresholds.LESSONS)
    _put(out, card_of(out) | {"calibration": {"refuse": asdict(refusals), "teach": asdict(lessons)}})


def compare(out: Path, rows: Sequence[Row]) -> None:
    """On how many of these rows the graph acts as the exact weights do, at the card's thresholds; kept on the card."""
    encoder, exact = Encoder.load(out), Encoder.load(out, exact=True)
    limits = {kind: part["thresholds"] for kind, part in card_of(out)["calibration"].items()}
    same = sum(_act(read(encoder, row.text), limits) == _act(read(exact, row.text), limits) for row in rows)
    _put(out, card_of(out) | {"agreement": {"texts": len(rows), "same_action": round(same / len(rows), 5)}})


def policy(out: Path) -> Policy:
    """The shipped policy with the thresholds of this card in place of its own."""
    shipped = Policy.load()
    refuse, teach = (card_of(out)["calibration"][kind]["thresholds"] for kind in ("refuse", "teach"))
    changes: dict[str, dict[str, float]] = {}
    for name, limit in (teach | refuse).items():
        changes[name] = {"threshold": limit, "answer_threshold": max(limit, shipped.category(name).answer_threshold)}
        if name in refuse:
            changes[name]["teach_threshold"] = min(teach[name], round(limit - 0.001, 3))
    return shipped.overridden({"thresholds": changes})


def card_of(out: Path) -> dict[str, Any]:
    """The card in this folder."""
    found: dict[str, Any] = json.loads((out / "card.json").read_text())
    return found


def _pools(benign: Sequence[tuple[str, Scores]], kind: int) -> tuple[guard_thresholds.Pool, ...]:
    """Texts about security, and those that only look dangerous, have budgets of their own."""
    parts: dict[str, list[tuple[str, Scores]]] = {name: [] for name in BUDGETS}
    for source, scores in benign:
        parts["scary" if source in SCARY else "security" if source in SECURITY else "everyday"].append((source, scores))
    return tuple(
        guard_thresholds.Pool(name, BUDGETS[name][kind], guard_thresholds.balanced(part, _MOST_PER_SOURCE))
        for name, part in parts.items()
        if part
    )


def _act(scores: Scores, limits: dict[str, dict[str, float]]) -> str:
    for action, kinds in (("refuse", guard_thresholds.REFUSALS), ("teach", guard_thresholds.LESSONS)):
        if any(kinds[name](scores) >= limit for name, limit in limits[action].items()):
            return action
    return "allow"


def read(encoder: Encoder, text: str) -> Scores:
    """The worst scores over all views of a text, as the guard takes them."""
    return worst(encoder.score(views(text)))


def _put(out: Path, card: dict[str, Any]) -> None:
    (out / "card.json").write_text(json.dumps(card, indent=1) + "\n")
