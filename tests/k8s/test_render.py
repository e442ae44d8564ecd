"""Our small kustomize: what it does, what it refuses, and that kubectl's own does the same."""

import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.k8s.render import BadKustomization, expand, identity

OVERLAYS = sorted((Path(__file__).parents[2] / "deployments" / "k8s" / "overlays").iterdir())
HEAD = {"apiVersion": "kustomize.config.k8s.io/v1beta1", "kind": "Kustomization"}
TARGET = {"kind": "Job", "name": "one"}
JOBS = """
apiVersion: batch/v1
kind: Job
metadata: {name: one}
spec: {template: {spec: &spec {containers: [{name: a, image: tutor}], volumes: [{name: x}]}}}
---
apiVersion: ray.io/v1
kind: RayJob
metadata: {name: two}
spec: {deep: {template: {spec: {initContainers: [{name: b, image: tutor}], containers: [{name: c, image: other}]}}}}
"""


class Folder:
    """A base, and an overlay of it."""

    def __init__(self, place: Path) -> None:
        self.place = place
        for name in ("base", "overlay"):
            (place / name).mkdir()
        (place / "base" / "jobs.yaml").write_text(JOBS)
        self.write("base", resources=["jobs.yaml"])

    def write(self, name: str, **fields: Any) -> None:
        (self.place / name / "kustomization.yaml").write_text(yaml.safe_dump(HEAD | fields))

    def overlay(self, *operations: dict[str, Any], **fields: Any) -> list[dict[str, Any]]:
        patches = [{"path": "patch.yaml", "target": TARGET}] if operations else []
        (self.place / "overlay" / "patch.yaml").write_text(yaml.safe_dump(list(operations)))
        self.write("overlay", **({"resources": ["../base"], "patches": patches} | fields))
        return expand(self.place / "overlay")


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    return Folder(tmp_path)


def test_it_patches_one_object_names_images_everywhere_and_labels_objects_alone(folder: Folder) -> None:
    add = {"op": "add", "path": "/spec/template/spec/volumes/-", "value": {"name": "y"}}
    images = [{"name": "tutor", "newName": "r.example/t", "digest": "sha256:ab"}]
    one, two = folder.overlay(add, images=images, labels=[{"pairs": {"of": "us"}}])
    assert one["spec"]["template"]["spec"] == {
        "containers": [{"name": "a", "image": "r.example/t@sha256:ab"}],
        "volumes": [{"name": "x"}, {"name": "y"}],
    }
    assert two["spec"]["deep"]["template"]["spec"]["initContainers"][0]["image"] == "r.example/t@sha256:ab"
    assert two["spec"]["deep"]["template"]["spec"]["containers"][0]["image"] == "other"
    assert [each["metadata"]["labels"] for each in (one, two)] == [{"of": "us"}] * 2


@pytest.mark.parametrize(
    "fields",
    [
        {"namePrefix": "a-"},
        {"configMapGenerator": [{"name": "x"}]},
        {"images": [{"name": "nobody", "newTag": "1"}]},
        {"images": [{"name": "tutor"}]},
        {"images": [{"name": "tutor", "newTag": "1", "digest": "sha256:ab"}]},
        {"labels": [{"pairs": {"a": "b"}, "includeSelectors": True}]},
        {"patches": [{"path": "patch.yaml", "target": {"kind": "Job", "name": "three"}}]},
        {"patches": [{"patch": "- {}", "target": TARGET}]},
        {"resources": ["../base", "../base"]},
        {"kind": "Component"},
    ],
)
def test_what_is_not_of_the_part_or_would_do_nothing_is_refused(folder: Folder, fields: dict[str, Any]) -> None:
    with pytest.raises(BadKustomization):
        folder.overlay(**fields)


@pytest.mark.parametrize(
    "operation",
    [
        {"op": "remove", "path": "/spec/nothing"},
        {"op": "replace", "path": "/spec/template/spec/volumes/3", "value": {}},
        {"op": "add", "path": "/spec/no/where", "value": 1},
    ],
)
def test_a_patch_that_hits_nothing_is_refused(folder: Folder, operation: dict[str, Any]) -> None:
    with pytest.raises(BadKustomization):
        folder.overlay(operation)


def test_aliases_become_copies(folder: Folder) -> None:
    (folder.place / "base" / "more.yaml").write_text(
        "apiVersion: v1\nkind: A\nmetadata: {name: one}\nspec: {first: &x {n: 1}, second: *x}\n"
    )
    folder.write("base", resources=["more.yaml"])
    fields = {"patches": [{"path": "patch.yaml", "target": {"kind": "A", "name": "one"}}]}
    (one,) = folder.overlay({"op": "replace", "path": "/spec/first/n", "value": 2}, **fields)
    assert one["spec"] == {"first": {"n": 2}, "second": {"n": 1}}


@pytest.mark.skipif(shutil.which("kubectl") is None, reason="not run: no kubectl, whose kustomize is the judge here")
@pytest.mark.parametrize("overlay", OVERLAYS, ids=lambda path: path.name)
def test_kubectls_kustomize_expands_to_the_same(overlay: Path) -> None:
    done = subprocess.run(["kubectl", "kustomize", overlay], capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stderr
    theirs = {identity(each): each for each in yaml.safe_load_all(done.stdout)}
    assert theirs == {identity(each): each for each in expand(overlay)}
