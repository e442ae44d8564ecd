"""The steps of a promotion: judge, write the papers, sign, put in place, record; all of it or nothing."""

import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from deployments.adapter import AdapterFolder
from train.promotion import bom, card, provenance, shelf, signature, weights
from train.promotion.case import Case
from train.promotion.errors import BadSignature, Refused
from train.promotion.history import Promoted, last
from train.promotion.recording import ControlLog, gate_entry, promotion_entry
from train.promotion.ruling import reasons


@dataclass(frozen=True, slots=True)
class Order:
    """What is to be done: serve the adapter under this name, from this cache of models, signed by this key."""

    name: str
    models: Path
    key: Path


def promote(case: Case, order: Order, log: ControlLog, say: Callable[[str], None]) -> Path:
    """Make the adapter active; the folder that is served.

    Raises Refused, after the refusal is in the log, or GateError, AuditError, OSError when something failed, and then
    neither a folder nor a promotion is left behind.
    """
    history = log.promotions(order.name)
    if found := reasons(case, history):
        log.append(gate_entry(case.gate_fields(passed=False)))
        raise Refused(found)
    final = shelf.place_of(order.models, case.adapter.digest)
    with shelf.workshop(final) as work:
        made = dress(case, work / "adapter", order.key)
        say(f"signed {len(list(made.iterdir()))} files")
        if _is_there(made, final, order.key):
            request_id = _record(case, order, log, history)
        else:
            with shelf.placed(made, final):
                request_id = _record(case, order, log, history)
    _keep(request_id, case.model_digest, order.models, log)
    say(f"{order.name} is model {case.model_digest}")
    return final


def dress(case: Case, folder: Path, key: Path) -> Path:
    """Write the adapter with all its papers into a new folder and sign it; raises GateError, OSError."""
    folder.mkdir(parents=True)
    for name, path in case.files.items():
        shutil.copyfile(path, folder / name)
    AdapterFolder(folder, case.adapter.files).check()  # nobody changed it since it was judged
    papers = {card.NAME: card.document, bom.NAME: bom.document, provenance.NAME: provenance.document}
    for name, document in papers.items():
        (folder / name).write_text(document(case), encoding="utf-8")
    signature.sign(folder, key)
    return folder


def roll_back(target: Promoted, models: Path, log: ControlLog, history: Sequence[Promoted]) -> Path:
    """Make a model active that was so before, once its files were hashed anew; where the receipt is.

    Raises GateError, AuditError, OSError.
    """
    weights.check(target.fields, models)
    return _keep(log.promote(promotion_entry(target.fields, last(history))), target.model, models, log)


def _record(case: Case, order: Order, log: ControlLog, history: Sequence[Promoted]) -> str:
    """The gate's record and the promotion's, once every file is where the Model looks for it; the id of the latter."""
    weights.check(case.promotion_fields(order.name), order.models)
    gate = gate_entry(case.gate_fields(passed=True))
    proof = log.append(gate)
    shelf.keep_receipt(order.models, case.model_digest, f"gate-{gate.request_id}.txt", proof)
    return log.promote(promotion_entry(case.promotion_fields(order.name), last(history)))


def _keep(request_id: str, model_digest: str, models: Path, log: ControlLog) -> Path:
    """Fetch the receipt of a promotion that is in force, and keep it; from here on nothing is taken back."""
    return shelf.keep_receipt(models, model_digest, f"promotion-{request_id}.txt", log.receipt(request_id))


def _is_there(made: Path, final: Path, key: Path) -> bool:
    """Whether the same papers are in place already, with a signature of the same key, which never is the same twice."""
    if not shelf.same(made, final, but=signature.NAME):
        return False
    try:
        signature.verify_by(final, key)
    except BadSignature:
        return False
    return True
