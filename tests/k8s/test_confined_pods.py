"""Every pod is confined as far as Kubernetes can, holds its secrets by reference, and runs a command that is there."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.k8s.render import Object, containers_in
from tests.k8s.test_manifests import OVERLAYS, POD_NAMES, PODS, templates

ROOT = Path(__file__).parents[2]
SECRET = re.compile(r"KEY$|TOKEN|PASSWORD|SECRET|CREDENTIAL")
PUBLIC = {"RAY_TLS_SERVER_KEY"}  # the path of a file
REFERENCES = {"ray-token", "ray-authority", "redis", "log-store", "monitor", "attacker"}


def all_containers(template: Object) -> list[Object]:
    return template["spec"].get("initContainers", []) + template["spec"]["containers"]


@pytest.mark.parametrize(("_", "each", "template"), PODS, ids=POD_NAMES)
def test_a_pod_is_confined(_: str, each: Object, template: Object) -> None:
    spec = template["spec"]
    assert spec["automountServiceAccountToken"] is False
    assert spec["securityContext"]["runAsNonRoot"] is True
    assert spec["securityContext"]["runAsUser"] > 10000
    assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert not {"hostNetwork", "hostPID", "hostIPC"} & set(spec)
    kinds = {kind for volume in spec["volumes"] for kind in volume if kind != "name"}
    assert kinds <= {"emptyDir", "persistentVolumeClaim", "secret", "configMap"}
    for container in all_containers(template):
        assert container["securityContext"] == {
            "allowPrivilegeEscalation": False, "readOnlyRootFilesystem": True, "capabilities": {"drop": ["ALL"]},
        }  # fmt: skip
        assert {"cpu", "memory"} <= set(container["resources"]["requests"])
        assert {"cpu", "memory"} <= set(container["resources"]["limits"])


@pytest.mark.parametrize(("_", "each", "template"), PODS, ids=POD_NAMES)
def test_what_serves_is_asked_whether_it_lives(_: str, each: Object, template: Object) -> None:
    (main,) = template["spec"]["containers"]
    if each["kind"] in {"RayService", "Deployment"}:
        assert {"livenessProbe", "readinessProbe"} <= set(main)


@pytest.mark.parametrize(("_", "each", "template"), PODS, ids=POD_NAMES)
def test_secrets_are_named_and_never_shown(_: str, each: Object, template: Object) -> None:
    for container in all_containers(template):
        for variable in container.get("env", []):
            if SECRET.search(variable["name"]) and variable["name"] not in PUBLIC:
                assert set(variable["valueFrom"]) == {"secretKeyRef"}, variable


@pytest.mark.parametrize("name", OVERLAYS)
def test_no_secret_stands_in_an_overlay_and_only_known_ones_are_named(name: str) -> None:
    assert [each for each in OVERLAYS[name] if each["kind"] == "Secret"] == []
    settings = [each["data"] for each in OVERLAYS[name] if each["kind"] == "ConfigMap"]
    assert all(value.startswith("/") for data in settings for key, value in data.items() if SECRET.search(key))
    found = set(re.findall(r"'secret(?:Ref|KeyRef)?': {(?:'key': '[^']+', )?'(?:name|secretName)': '([^']+)'",
                           str(OVERLAYS[name])))  # fmt: skip
    assert found <= REFERENCES
    assert "ray-authority" in found


@pytest.mark.parametrize("part", ["guard", "model"])
@pytest.mark.parametrize("name", OVERLAYS)
def test_model_and_guard_hold_neither_keys_nor_the_log(name: str, part: str) -> None:
    pods = [pod for each in OVERLAYS[name] for pod in templates(each)
            if pod["metadata"]["labels"]["preceptor.io/part"] == part]  # fmt: skip
    assert pods
    for pod in pods:
        (main,) = pod["spec"]["containers"]
        assert [one for one in main["envFrom"] if "secretRef" in one] == []
        assert "home" not in {volume["name"] for volume in pod["spec"]["volumes"]}
        written = {mount["mountPath"] for mount in main["volumeMounts"] if not mount.get("readOnly")}
        assert written == {"/tmp", "/dev/shm"}


def commands() -> list[list[str]]:
    found = [each["command"] for objects in OVERLAYS.values() for whole in objects for each in containers_in(whole)
             if "command" in each]  # fmt: skip
    jobs = [each["spec"]["entrypoint"].split() for each in OVERLAYS["prod"] if each["kind"] == "RayJob"]
    return [list(one) for one in dict.fromkeys(map(tuple, found + jobs))]


@pytest.mark.parametrize("command", commands(), ids=lambda command: " ".join(command[2:5]))
def test_every_command_is_there_with_its_options(command: list[str]) -> None:
    assert command[:2] == ["python", "-m"]
    words = command[2:4] if command[3:4] in (["issue"],) else command[2:3]
    done = subprocess.run([sys.executable, "-m", *words, "--help"], cwd=ROOT, capture_output=True, text=True,
                          timeout=120, check=False)  # fmt: skip
    assert done.returncode == 0, done.stderr
    options = {word for word in command if word.startswith("--")}
    assert options <= set(re.findall(r"--[a-z-]+", done.stdout)), command
