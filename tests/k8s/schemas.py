"""Judges of manifests: Kubernetes' own schemas (kubernetes-validate), KubeRay's CRDs, Serve's schema."""

import gzip
import os
from functools import cache
from pathlib import Path
from typing import Any

import jsonschema
import kubernetes_validate
import yaml

DATA = Path(os.environ.get("PRECEPTOR_DATA", "../shared/data")) / "kuberay"
VERSIONS = ("1.30", "1.37")
Object = dict[str, Any]


def of_kubernetes(each: Object) -> None:
    """Raise ValidationError for an object that Kubernetes would not take, unknown fields included."""
    for version in VERSIONS:
        kubernetes_validate.validate(each, version, strict=True)


def of_pod(template: Object) -> None:
    """The same for a pod template, which a CRD describes less strictly than Kubernetes does."""
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "x"} | template.get("metadata", {})}
    of_kubernetes(pod | {"spec": template["spec"]})


def of_kuberay(each: Object) -> None:
    """Raise ValidationError for what KubeRay's CRD does not know; the API server would drop it in silence."""
    jsonschema.Draft202012Validator(_crd(each["kind"].lower())).validate(each)


@cache
def _crd(kind: str) -> Object:
    text = gzip.decompress((DATA / f"ray.io_{kind}s.yaml.gz").read_bytes())
    definition = yaml.load(text, Loader=yaml.CSafeLoader)
    (version,) = [one for one in definition["spec"]["versions"] if one["name"] == "v1" and one["served"]]
    schema: Object = _strict(version["schema"]["openAPIV3Schema"])
    schema["properties"]["metadata"] = {"type": "object"}
    return schema


def _strict(part: Any) -> Any:
    """A structural schema as JSON Schema that refuses what the API server would prune."""
    if isinstance(part, list):
        return [_strict(each) for each in part]
    if not isinstance(part, dict):
        return part
    made = {name: _strict(value) for name, value in part.items()}
    if part.get("x-kubernetes-int-or-string"):
        made["type"] = ["integer", "string"]
    is_open = "additionalProperties" in part or part.get("x-kubernetes-preserve-unknown-fields")
    if part.get("type") == "object" and isinstance(part.get("properties"), dict) and not is_open:
        made["additionalProperties"] = False
    return made
