"""A dataset's bill of materials in CycloneDX 1.6: its files, sources, parent datasets and the models that made it."""

import json
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from uuid import NAMESPACE_URL, uuid5

from train.described import DataSource, Described, Model, Parent

if TYPE_CHECKING:
    from cyclonedx.model.component import Component

_NO_DAY = "1970-01-01"  # given to the library, which else asks the clock, and taken out again


def document(described: Described) -> str:
    """The JSON; the same description gives the same text: no clock and no chance has a part in it."""
    from cyclonedx.model.bom import Bom, BomMetaData
    from cyclonedx.output.json import JsonV1Dot6

    root = _dataset(described)
    sources = [_source(each) for each in described.sources]
    parents = [_parent(each) for each in described.parents]
    models = [_model(each) for each in described.models]
    day = datetime.fromisoformat(described.date or _NO_DAY).replace(tzinfo=UTC)
    number = uuid5(NAMESPACE_URL, f"preceptor dataset {described.name} {described.version} {described.digest}")
    bom = Bom(serial_number=number, metadata=BomMetaData(timestamp=day, component=root))
    bom.components.update([*sources, *parents, *models])
    bom.register_dependency(root, [*sources, *parents, *models])
    written = json.loads(JsonV1Dot6(bom).output_as_string())
    return json.dumps(_completed(written, described), indent=1, sort_keys=True, ensure_ascii=False) + "\n"


def _completed(written: dict[str, Any], described: Described) -> dict[str, Any]:
    """With what the format has and the library has no classes for: what kind of data, and what a model's task is."""
    if not described.date:
        del written["metadata"]["timestamp"]
    root = written["metadata"]["component"]
    root["data"] = [{"type": "dataset", "name": described.name, "description": described.description}]
    tasks = {f"model:{each.name}": each.task for each in described.models}
    addresses = {f"source:{each.name}": each.address for each in described.sources}
    for component in written["components"]:
        name = component["bom-ref"]
        if name in tasks:
            component["modelCard"] = {"modelParameters": {"task": tasks[name]}}
        else:
            contents = {"contents": {"url": addresses[name]}} if addresses.get(name) else {}
            component["data"] = [{"type": "dataset", "name": component["name"], **contents}]
    return written


def _dataset(described: Described) -> "Component":
    from cyclonedx.model import Property
    from cyclonedx.model.component import Component, ComponentType

    files = [
        Component(
            type=ComponentType.FILE, name=each.path, bom_ref=f"file:{each.path}", hashes=_hash(each.sha256),
            properties=[Property(name="bytes", value=str(each.bytes)), Property(name="rows", value=str(each.rows))],
        )
        for each in described.files
    ]  # fmt: skip
    return Component(
        type=ComponentType.DATA, name=described.name, version=described.version, bom_ref=f"dataset:{described.name}",
        description=described.description, hashes=_hash(described.digest), licenses=_licences(described.licence),
        components=files, properties=[Property(name="rows", value=str(described.rows))],
    )  # fmt: skip


def _source(source: DataSource) -> "Component":
    from cyclonedx.model import ExternalReference, ExternalReferenceType, XsUri
    from cyclonedx.model.component import Component, ComponentType

    named = [(ExternalReferenceType.LICENSE, source.licence_url), (ExternalReferenceType.DISTRIBUTION, source.address)]
    return Component(
        type=ComponentType.DATA, name=source.name, bom_ref=f"source:{source.name}", description=source.title,
        hashes=_hash(source.digest), licenses=_licences(source.licence), copyright=source.attribution or None,
        external_references=[ExternalReference(type=kind, url=XsUri(url)) for kind, url in named if url],
    )  # fmt: skip


def _parent(parent: Parent) -> "Component":
    from cyclonedx.model.component import Component, ComponentType

    return Component(
        type=ComponentType.DATA, name=parent.name, bom_ref=f"dataset:{parent.name}", hashes=_hash(parent.digest),
        licenses=_licences(parent.licence),
    )  # fmt: skip


def _model(model: Model) -> "Component":
    from cyclonedx.model.component import Component, ComponentType

    return Component(
        type=ComponentType.MACHINE_LEARNING_MODEL, name=model.name, version=model.version,
        bom_ref=f"model:{model.name}", hashes=_hash(model.digest), licenses=_licences(model.licence),
    )  # fmt: skip


def _hash(digest: str) -> Iterable[Any]:
    from cyclonedx.model import HashAlgorithm, HashType

    return [HashType(alg=HashAlgorithm.SHA_256, content=digest)]


def _licences(licence: str) -> Iterable[Any]:
    """A licence of the SPDX list by its id; an expression, which may hold names of our own, as one."""
    from cyclonedx.model.license import DisjunctiveLicense, LicenseExpression
    from cyclonedx.spdx import is_supported_id

    return [DisjunctiveLicense(id=licence) if is_supported_id(licence) else LicenseExpression(licence)]
