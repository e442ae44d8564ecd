"""The part of kustomize that our overlays use, so that a test can expand them without a program of its own.

Known are `resources`, `patches` (JSON 6902 in a file, with a target of kind and name), `images` (newName, newTag,
digest) and `labels` without selectors. Everything else in a kustomization is refused, and so is what kustomize would
pass over in silence: a patch without a target, an image that nobody uses. Where kubectl is at hand, a test compares
the two.
"""

import json
from pathlib import Path
from typing import Any

import jsonpatch
import yaml

KUSTOMIZATION = {"apiVersion": "kustomize.config.k8s.io/v1beta1", "kind": "Kustomization"}
KNOWN = {*KUSTOMIZATION, "resources", "patches", "images", "labels"}
Object = dict[str, Any]


class BadKustomization(Exception):
    """What stands in a kustomization is not of the part that we use, or would do nothing."""


def expand(folder: Path) -> list[Object]:
    """Every object of a kustomization, patched."""
    given = yaml.safe_load((folder / "kustomization.yaml").read_text())
    _only(given, KNOWN, str(folder))
    if {name: given.get(name) for name in KUSTOMIZATION} != KUSTOMIZATION:
        raise BadKustomization(f"{folder}: expected {KUSTOMIZATION}")
    objects = [each for name in given["resources"] for each in _resource(folder / name)]
    _require_distinct(objects)
    for patch in given.get("patches", []):
        objects = _patched(objects, patch, folder)
    for image in given.get("images", []):
        _rename(objects, image)
    for label in given.get("labels", []):
        _only(label, {"pairs"}, "labels")
        for each in objects:
            each["metadata"]["labels"] = each["metadata"].get("labels", {}) | label["pairs"]
    return objects


def identity(each: Object) -> tuple[str, str, str]:
    """Kind, namespace and name."""
    return each["kind"], each["metadata"].get("namespace", ""), each["metadata"]["name"]


def _resource(path: Path) -> list[Object]:
    if path.is_dir():
        return expand(path)
    documents = [each for each in yaml.safe_load_all(path.read_text()) if each is not None]
    copies: list[Object] = json.loads(json.dumps(documents))  # aliases of YAML become copies: a patch changes one
    for each in copies:
        if not {"apiVersion", "kind", "metadata"} <= set(each):
            raise BadKustomization(f"{path}: expected an object of Kubernetes")
    return copies


def _require_distinct(objects: list[Object]) -> None:
    names = [identity(each) for each in objects]
    if len(set(names)) < len(names):
        raise BadKustomization(f"twice: {sorted(name for name in set(names) if names.count(name) > 1)}")


def _patched(objects: list[Object], patch: Object, folder: Path) -> list[Object]:
    _only(patch, {"path", "target"}, "patches")
    _only(patch["target"], {"kind", "name"}, "target")
    operations = yaml.safe_load((folder / patch["path"]).read_text())
    if not isinstance(operations, list):
        raise BadKustomization(f"{patch['path']}: expected the operations of a JSON patch")
    hit = [each for each in objects if _is(each, patch["target"])]
    if len(hit) != 1:
        raise BadKustomization(f"{patch['path']}: expected one {patch['target']}, found {len(hit)}")
    try:
        return [jsonpatch.apply_patch(each, operations) if each is hit[0] else each for each in objects]
    except (jsonpatch.JsonPatchException, jsonpatch.JsonPointerException) as error:
        raise BadKustomization(f"{patch['path']}: {error}") from error


def _is(each: Object, target: Object) -> bool:
    return (each["kind"], each["metadata"]["name"]) == (target["kind"], target["name"])


def _rename(objects: list[Object], image: Object) -> None:
    _only(image, {"name", "newName", "newTag", "digest"}, "images")
    if ("newTag" in image) == ("digest" in image):
        raise BadKustomization(f"images: expected newTag or digest for {image['name']}")
    ending = f":{image['newTag']}" if "newTag" in image else f"@{image['digest']}"
    containers = [each for whole in objects for each in containers_in(whole) if each["image"] == image["name"]]
    if not containers:
        raise BadKustomization(f"images: nobody uses {image['name']}")
    for each in containers:
        each["image"] = image.get("newName", image["name"]) + ending


def containers_in(part: Any) -> list[Object]:
    """Every container, wherever it stands: kustomize too looks for these two names, custom resources included."""
    if isinstance(part, list):
        return [each for one in part for each in containers_in(one)]
    if not isinstance(part, dict):
        return []
    here = [each for name in ("initContainers", "containers") for each in part.get(name, [])]
    return here + [each for one in part.values() for each in containers_in(one)]


def _only(given: Object, known: set[str], where: str) -> None:
    if unknown := set(given) - known:
        raise BadKustomization(f"{where}: not of the part that we use: {sorted(unknown)}")
