"""Turns trained tensors into shipped weights: temperatures, the card with its digests, and what was measured."""

import json
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from torch.nn import functional

from guards import network
from guards.encoder import Encoder, sha256
from guards.policy import Policy
from guards.scores import Scores
from guards.verdict import Stage
from train.guard_data import EDUCATIONAL, SOURCES, Row
from train.guard_loop import Batches, Learner, logits

COMMAND = "python -m train.fit_guard --data DIR --out DIR --num-workers 0"


def temperatures(learner: Learner, stop: Batches) -> dict[str, float]:
    """The divisor of each head's logits that makes its probabilities fit the stop sources best; a plain search."""
    override, intent = logits(learner, stop)
    kinds = torch.tensor([row.intent for row in stop.rows])
    flags = torch.tensor([float(row.override) for row in stop.rows])
    known = flags >= 0
    grid: list[float] = [round(0.6 + 0.1 * i, 1) for i in range(35)]

    def intent_loss(t: float) -> float:
        return float(functional.cross_entropy(intent / t, kinds, ignore_index=-1))

    def override_loss(t: float) -> float:
        return float(functional.binary_cross_entropy_with_logits(override[known] / t, flags[known]))

    return {"override": min(grid, key=override_loss), "intent": min(grid, key=intent_loss)}


def write(out: Path, tensors: dict[str, torch.Tensor], temperature: dict[str, float], plan: dict[str, Any]) -> None:
    """Save the weights and a card that `Encoder.load` accepts; metrics are added by `measure`."""
    out.mkdir(parents=True, exist_ok=True)
    weights = out / "guard.safetensors"
    save_file(tensors, weights)
    weights.chmod(0o644)
    card = {
        "command": COMMAND,
        "plan": plan,
        "digests": {"guard.safetensors": sha256(weights), "base": sha256(network.base_folder() / "model.safetensors")},
        "temperature": temperature,
        "sources": {s.name: {"licence": s.licence, "split": s.split} for s in SOURCES},
        "feeds": "ATT&CK, CWE, CVE, KEV, Sigma, Atomic Red Team, OWASP cheat sheets and testing guide (titles, prose)",
    }
    (out / "card.json").write_text(json.dumps(card, indent=1) + "\n")


def action(scores: Scores, policy: Policy, stage: Stage) -> str:
    """What the model's scores alone lead to."""
    harm = "other_harm" if scores.other_harm > scores.harmful else "harmful_operational"
    if policy.category(harm).reached(scores.harm, stage) or policy.category("override").reached(scores.override, stage):
        return "REFUSE"
    return "TEACH" if policy.category("dual_use").reached(scores.dual_use + scores.harmful, stage) else "ALLOW"


def measure(out: Path, rows: Sequence[Row], policy: Policy) -> dict[str, dict[str, float]]:
    """Shares of REFUSE and TEACH per held-out source and label, by the shipped policy; also kept on the card.

    Prose counts as an answer, everything else as a prompt. Texts are scored as they are, without decoded views.
    """
    encoder = Encoder.load(out)
    actions: dict[str, list[str]] = defaultdict(list)
    for row in rows:
        stage = Stage.ANSWER if row.source == "feeds/passages" else Stage.PROMPT
        label = "override" if row.override == 1 else network.CLASSES[row.intent]
        actions[f"{row.source}:{label}"].append(action(encoder.score([row.text])[0], policy, stage))
    found = {
        name: {"n": len(all_), "refuse": _share(all_, "REFUSE"), "teach": _share(all_, "TEACH")}
        for name, all_ in sorted(actions.items())
    }
    card = json.loads((out / "card.json").read_text())
    (out / "card.json").write_text(json.dumps(card | {"metrics": found}, indent=1) + "\n")
    return found


def _share(actions: Sequence[str], wanted: str) -> float:
    return round(sum(a == wanted for a in actions) / len(actions), 3)


def benign(name: str) -> bool:
    """Whether a line of `measure` is about rows that should pass."""
    return name.endswith(f":{network.CLASSES[EDUCATIONAL]}")
