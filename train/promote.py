"""Promotion: makes a tuned adapter the served model, once its gate holds, and takes that back.

    python -m train.promote --adapter DIR --evaluation FILE --model NAME_OR_DIR --name NAME --key FILE --log [URL]
    python -m train.promote --rollback --name NAME [--to DIGEST|base] --log [URL]
    python -m train.promote --adapter DIR --evaluation FILE --model NAME_OR_DIR --key FILE --only-sign OUT
    python -m train.promote --verify DIR --public-key FILE
    python -m train.promote --keygen FILE

A promotion needs run.json beside the adapter and what train.evaluate wrote. It writes model card, bill of materials
and provenance, signs the folder, puts it where the Model deployment looks, and appends the gate's record and the
promotion's, as an admin may. It rests on the promotions that the log at --root holds: of two at once one is taken.
Exit status: 0; 1 when the promotion was refused, which is in the log too, the log did not take a record, or a
signature does not hold; 2 when something could not be read or written.
"""

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from train.errors import TrainError
from train.lineage import NotRecorded, add_options, log_client

if TYPE_CHECKING:
    from train.promotion.case import Case
    from train.promotion.recording import ControlLog

HOME, LOG_URL = "PRECEPTOR_HOME", "PRECEPTOR_LOG_URL"
BASE = "base"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; the exit status."""
    options = _parser()
    given = options.parse_args(arguments)
    if missing := _missing(given):
        options.error(f"expected {missing}")
    from audit.errors import AuditError
    from deployments.embedded import ModelFilesDiffer
    from train.promotion.errors import Declined

    try:
        return _chosen(given)
    except (TrainError, AuditError, ModelFilesDiffer, OSError, ValueError) as error:
        print(f"promote: {error}", file=sys.stderr)
        return 1 if isinstance(error, Declined | NotRecorded) else 2


def _parser() -> argparse.ArgumentParser:
    options = argparse.ArgumentParser(
        prog="python -m train.promote", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    options.add_argument("--adapter", type=Path, metavar="DIR", help="what train.finetune or train.prefer made")
    options.add_argument("--evaluation", type=Path, metavar="FILE", help="what train.evaluate made of it")
    options.add_argument("--model", metavar="NAME_OR_DIR", help="the base: a name of models.yaml, or a folder")
    options.add_argument("--licence", metavar="SPDX", help="licence of a base that models.yaml does not name")
    options.add_argument("--name", help="the name under which the model is served")
    options.add_argument("--key", type=Path, metavar="FILE", help="private key that signs")
    options.add_argument("--models", type=Path, metavar="DIR", help=f"cache of models; without it, {HOME}/models")
    options.add_argument("--root", metavar="ROOT", help=f"the logs; without it, {LOG_URL} or {HOME}/audit")
    options.add_argument("--rollback", action="store_true", help="make what was active before active again")
    options.add_argument("--to", metavar="DIGEST", help=f"of a model or adapter to go back to, or {BASE}: no adapter")
    options.add_argument("--only-sign", type=Path, metavar="OUT", help="write the signed folder there and end")
    options.add_argument("--verify", type=Path, metavar="DIR", help="check the signature of a folder")
    options.add_argument("--public-key", type=Path, metavar="FILE", help="public key that must have signed")
    options.add_argument("--keygen", type=Path, metavar="FILE", help="make a key there, and FILE.pub")
    add_options(options)
    return options


def _missing(given: argparse.Namespace) -> str:
    """Which options the chosen task still needs."""
    needs: tuple[str, ...] = ("adapter", "evaluation", "model", "key", "name")
    if given.keygen:
        needs = ()
    elif given.verify:
        needs = ("public_key",)
    elif given.rollback:
        needs = ("name",)
    elif given.only_sign:
        needs = needs[:-1]
    return ", ".join(f"--{name.replace('_', '-')}" for name in needs if getattr(given, name) is None)


def _chosen(given: argparse.Namespace) -> int:
    if given.keygen:
        from train.promotion.signature import keygen

        print(f"keep {given.keygen} secret; {keygen(given.keygen)} checks what it signs")
    elif given.verify:
        from train.promotion.signature import verify

        verify(given.verify, given.public_key)
        print(f"{given.verify}: signed by {given.public_key.name}")
    elif given.rollback:
        _rollback(given)
    elif given.only_sign:
        _only_sign(given)
    else:
        from train.promotion.promoting import Order, promote

        case, log = _case(given), _log(given)
        print(promote(case, Order(given.name, _models(given), given.key), log, print))
    return 0


def _rollback(given: argparse.Namespace) -> None:
    from train.promotion import history
    from train.promotion.promoting import roll_back

    log = _log(given)
    known = log.promotions(given.name)
    if given.to is None:
        target = history.before(known)
    else:
        target = history.base_alone(known) if given.to == BASE else history.find(known, given.to)
    receipt = roll_back(target, _models(given), log, known)
    print(f"{given.name} is model {target.model} again; receipt {receipt}")


def _only_sign(given: argparse.Namespace) -> None:
    from train.promotion import shelf
    from train.promotion.errors import Refused
    from train.promotion.promoting import dress
    from train.promotion.ruling import reasons

    case = _case(given)
    if found := reasons(case, []):
        raise Refused(found)
    with shelf.workshop(given.only_sign) as work:
        made = dress(case, work / "adapter", given.key)
        with shelf.placed(made, given.only_sign):
            print(f"{given.only_sign}: signed adapter {case.adapter.digest}")


def _case(given: argparse.Namespace) -> "Case":
    from train.promotion import base_model, case

    return case.read(given.adapter, given.evaluation, base_model.find(given.model, _models(given), given.licence))


def _log(given: argparse.Namespace) -> "ControlLog":
    """The log that the options or the environment name; raises NotRecorded."""
    from audit.store import to_address
    from train.promotion.recording import ControlLog

    root = given.root or os.environ.get(LOG_URL) or str(_home() / "audit")
    return ControlLog(log_client(given.log or "", given.token_file), to_address(root))


def _models(given: argparse.Namespace) -> Path:
    return Path(given.models or _home() / "models")


def _home() -> Path:
    return Path(os.environ.get(HOME, "var"))


if __name__ == "__main__":
    sys.exit(main())
