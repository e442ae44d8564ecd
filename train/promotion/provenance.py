"""How an adapter came to be, as an in-toto statement with SLSA's provenance predicate. No clock has a part in it."""

import json
from typing import Any

from train.errors import GateError
from train.promotion.case import EVALUATION, RUN, Case
from train.promotion.ppm import ppm

NAME = "provenance.intoto.json"
STATEMENT, PREDICATE = "https://in-toto.io/Statement/v1", "https://slsa.dev/provenance/v1"
BUILD = "urn:preceptor:train:lora:1"  # a name for this kind of run; there is no page behind it


def document(case: Case) -> str:
    """The JSON; raises GateError when the format's own library objects to it."""
    run = case.run
    statement = {
        "_type": STATEMENT,
        "subject": [_resource(name, digest) for name, digest in sorted(case.adapter.files.items())],
        "predicateType": PREDICATE,
        "predicate": {
            "buildDefinition": {
                "buildType": BUILD,
                "externalParameters": {"command": run.command, "plan": run.plan.model_dump(mode="json")},
                "internalParameters": {"versions": run.versions, "workers": run.workers},
                "resolvedDependencies": _materials(case),
            },
            "runDetails": {
                "builder": {"id": "urn:preceptor:train", "version": {"git": run.commit}},
                "metadata": {"invocationId": run.name},  # run.json knows the day of the end, but no time
                "byproducts": _byproducts(case),
            },
        },
    }
    text = json.dumps(statement, indent=1, sort_keys=True, ensure_ascii=False) + "\n"
    _check(text)
    return text


def _materials(case: Case) -> list[dict[str, Any]]:
    run = case.run
    found = [_resource(f"base:{case.base.name}", case.base.digest), _resource("plan", run.plan.digest)]
    if run.start_adapter:
        found.append(_resource("start-adapter", run.start_adapter))
    if run.commit != "unknown":
        found.append({"name": "source", "digest": {"gitCommit": run.commit}})
    if run.dataset:
        found.append(_resource(f"dataset:{run.dataset.name}", run.dataset.digest))
    return found


def _byproducts(case: Case) -> list[dict[str, Any]]:
    from deployments.embedded import sha256

    metrics = {"metrics_ppm": ppm(case.run.metrics)}
    return [
        {**_resource(RUN, sha256(case.files[RUN])), "annotations": metrics},
        _resource(EVALUATION, case.evaluation.digest),
    ]


def _resource(name: str, digest: str) -> dict[str, Any]:
    return {"name": name, "digest": {"sha256": digest}}


def _check(text: str) -> None:
    from google.protobuf import json_format  # type: ignore[import-untyped]
    from in_toto_attestation.predicates.provenance.v1.provenance_pb2 import (  # type: ignore[import-untyped]
        Provenance,
    )
    from in_toto_attestation.v1.statement import Statement  # type: ignore[import-untyped]
    from in_toto_attestation.v1.statement_pb2 import Statement as Message  # type: ignore[import-untyped]

    try:
        Statement.copy_from_pb(json_format.Parse(text, Message())).validate()
        json_format.ParseDict(json.loads(text)["predicate"], Provenance())
    except (ValueError, json_format.Error) as error:
        raise GateError(f"{NAME}: {error}") from error
