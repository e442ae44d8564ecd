"""The steps of a roll-out: judge, put in place, record. Weights lie where the Guard looks before they are named."""

import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from guards.card import Card
from guards.encoder import Encoder, card_digest, sha256
from train.challenger import rules
from train.challenger.report import Challenge
from train.errors import GateError
from train.promotion import shelf
from train.promotion.errors import Refused
from train.promotion.history import Promoted, last
from train.promotion.ppm import ppm
from train.promotion.recording import ControlLog, gate_entry, promotion_entry

NAME, GUARDS = "guard", "guards"
FILES = ("guard.safetensors", "card.json")


@dataclass(frozen=True, slots=True)
class Step:
    """The next stage; `share` of people in a canary; what train.challenge found, where the stage needs it."""

    stage: Literal["shadow", "canary", "live"]
    share: float | None = None
    challenge: Challenge | None = None


def roll(folder: Path, models: Path, log: ControlLog, step: Step) -> str:
    """Put a challenger in this stage; a sentence about it.

    Raises Refused, after the refusal is in the log; WeightsError, GateError, AuditError, OSError when something failed.
    """
    digest = _digest(folder)
    history = log.promotions(NAME)
    if step.challenge is not None:
        found = _reasons(step.challenge, digest, history)
        log.append(gate_entry(_gate(step.challenge, passed=not found)))
        if found:
            raise Refused(found)
    _place(folder, models / GUARDS / digest)
    fields = _fields(digest, {name: sha256(folder / name) for name in FILES}) | {"stage": step.stage}
    if step.share is not None:
        fields["share_ppm"] = round(step.share * 1_000_000)
    if step.challenge is not None:
        fields |= {"gate": NAME, "dataset_digest": step.challenge.dataset_digest}
    log.promote(promotion_entry(fields, last(history)))
    return f"guard {digest} is {step.stage}"


def back(log: ControlLog, digest: str | None) -> str:
    """Put an earlier guard in force, the shipped one by default; a challenger goes with it. Raises GateError."""
    history, shipped = log.promotions(NAME), card_digest()
    known = {shipped: _fields(shipped, {})} | {one.model: one.fields for one in history if _stage(one) == "live"}
    wanted = digest or shipped
    if wanted not in known:
        raise GateError(f"back: expected a guard that was once in force, one of {sorted(known)}, got {wanted[:80]!r}")
    log.promote(promotion_entry(known[wanted], last(history)))
    return f"guard {wanted} is live"


def in_force(history: Sequence[Promoted]) -> str:
    """Digest of the guard that judges by these promotions."""
    live = [one.model for one in history if _stage(one) == "live"]
    return live[-1] if live else card_digest()


def _digest(folder: Path) -> str:
    """Of weights that can be served: their graph is built here. Raises WeightsError, GateError."""
    if "graph" not in Card.read(folder).digests:
        raise GateError(f"{folder.name}: expected a card that names the graph's digest, which covers the temperatures")
    return Encoder.load(folder).digest


def _reasons(found: Challenge, digest: str, history: Sequence[Promoted]) -> list[str]:
    said = {"challenger": (digest, found.challenger), "champion": (in_force(history), found.champion)}
    others = [f"{name}: expected guard {wanted}, got {came}" for name, (wanted, came) in said.items() if wanted != came]
    return [*others, *rules.broken(found.measures)]


def _gate(found: Challenge, *, passed: bool) -> dict[str, Any]:
    metrics = {f"{one.name}.{side}": getattr(one, side).value for one in found.measures
               for side in ("champion", "challenger")}  # fmt: skip
    return {
        "name": NAME, "candidate": found.challenger, "suite_digest": found.suite_digest, "passed": passed,
        "metrics": ppm(metrics),
    }  # fmt: skip


def _fields(digest: str, weights: dict[str, str]) -> dict[str, Any]:
    return {
        "name": NAME, "model_digest": digest, "base": NAME, "adapter_digest": None, "weights": weights,
        "dataset_digest": None, "gate": None, "stage": "live", "share_ppm": None,
    }  # fmt: skip


def _stage(one: Promoted) -> str:
    return str(one.fields.get("stage") or "live")


def _place(folder: Path, final: Path) -> None:
    """Copy the weights to where the Guard looks for them; whole or not at all."""
    if final.is_dir():
        return
    with shelf.workshop(final) as work:
        made = work / "guard"
        made.mkdir()
        for name in FILES:
            shutil.copyfile(folder / name, made / name)
        with shelf.placed(made, final):
            pass
