"""A tuned model's bill of materials in CycloneDX 1.6: its files, its base, its dataset, and what was measured."""

import json
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from uuid import NAMESPACE_URL, uuid5

from train.promotion.case import Case
from train.promotion.words import INTENDED, LIMITS, TASK

if TYPE_CHECKING:
    from cyclonedx.model.component import Component

NAME = "ml-bom.cdx.json"


def document(case: Case) -> str:
    """The JSON; the same case gives the same text: no clock and no chance has a part in it."""
    from cyclonedx.model.bom import Bom, BomMetaData
    from cyclonedx.output.json import JsonV1Dot6

    model, parts = _model(case), [_base(case), *_dataset(case)]
    number = uuid5(NAMESPACE_URL, f"preceptor model {case.run.name} {case.model_digest} {case.evaluation.digest}")
    day = datetime.fromisoformat(case.run.finished).replace(tzinfo=UTC)
    bom = Bom(serial_number=number, metadata=BomMetaData(timestamp=day, component=model))
    bom.components.update(parts)
    bom.register_dependency(model, parts)
    written = json.loads(JsonV1Dot6(bom).output_as_string())
    written["metadata"]["component"]["modelCard"] = _card(case)
    for component in written["components"]:
        if component["type"] == "data":
            component["data"] = [{"type": "dataset", "name": component["name"]}]
    return json.dumps(written, indent=1, sort_keys=True, ensure_ascii=False) + "\n"


def _card(case: Case) -> dict[str, Any]:
    """What the format has for models and the library has no classes for."""
    datasets = [{"ref": f"dataset:{case.run.dataset.name}"}] if case.run.dataset else []
    return {
        "modelParameters": {"approach": {"type": "supervised"}, "task": TASK, "datasets": datasets},
        "quantitativeAnalysis": {"performanceMetrics": [_metric(one) for one in case.evaluation.measures]},
        "considerations": {"useCases": [INTENDED], "technicalLimitations": list(LIMITS)},
    }


def _metric(one: Any) -> dict[str, Any]:
    after = one.after
    return {
        "type": f"{one.name} ({one.unit})",
        "slice": f"{one.group}, n={one.n}",
        "value": str(after.value),
        "confidenceInterval": {"lowerBound": str(after.low), "upperBound": str(after.high)},
    }


def _model(case: Case) -> "Component":
    from cyclonedx.model.component import Component, ComponentType

    files = [
        Component(type=ComponentType.FILE, name=name, bom_ref=f"file:{name}", hashes=_hash(digest))
        for name, digest in sorted(case.adapter.files.items())
    ]
    run = case.run
    told = {"adapter_digest": case.adapter.digest, "model_digest": case.model_digest, "plan_digest": run.plan.digest,
            "commit": run.commit, **{f"version:{name}": version for name, version in run.versions.items()}}  # fmt: skip
    return Component(
        type=ComponentType.MACHINE_LEARNING_MODEL, name=case.run.name, version=case.adapter.digest[:16],
        bom_ref=f"model:{case.run.name}", hashes=_hash(case.adapter.digest), licenses=_licence(case),
        components=files, properties=_properties(told),
    )  # fmt: skip


def _base(case: Case) -> "Component":
    from cyclonedx.model.component import Component, ComponentType

    files = [
        Component(type=ComponentType.FILE, name=name, bom_ref=f"base-file:{name}", hashes=_hash(digest))
        for name, digest in sorted(case.base.files.items())
    ]
    return Component(
        type=ComponentType.MACHINE_LEARNING_MODEL, name=case.base.name, version=case.base.digest[:16],
        bom_ref=f"base:{case.base.name}", hashes=_hash(case.base.digest), licenses=_licence(case), components=files,
    )  # fmt: skip


def _dataset(case: Case) -> "list[Component]":
    from cyclonedx.model.component import Component, ComponentType

    found = case.run.dataset
    if found is None:
        return []
    return [
        Component(
            type=ComponentType.DATA, name=found.name, version=found.digest[:16], bom_ref=f"dataset:{found.name}",
            hashes=_hash(found.digest), properties=_properties({"rows": str(found.rows)}),
        )
    ]  # fmt: skip


def _properties(told: Mapping[str, str]) -> list[Any]:
    from cyclonedx.model import Property

    return [Property(name=name, value=value) for name, value in told.items() if value]


def _hash(digest: str) -> Iterable[Any]:
    from cyclonedx.model import HashAlgorithm, HashType

    return [HashType(alg=HashAlgorithm.SHA_256, content=digest)]


def _licence(case: Case) -> Iterable[Any]:
    """A licence of the SPDX list by its id; one of the maker's own as an expression."""
    from cyclonedx.model.license import DisjunctiveLicense, LicenseExpression
    from cyclonedx.spdx import is_supported_id

    name = case.base.licence
    return [DisjunctiveLicense(id=name) if is_supported_id(name) else LicenseExpression(name)]
