"""The overlays, expanded: taken by every schema at hand, and nothing named that is not there."""

from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml
from kubernetes_validate import ValidationError
from ray.serve.schema import ServeDeploySchema

from deployments import throughput
from deployments.placement import LABEL, PARTS, placed
from tests.k8s import schemas
from tests.k8s.render import Object, containers_in, expand

ROOT = Path(__file__).parents[2]
OVERLAYS = {name: expand(ROOT / "deployments" / "k8s" / "overlays" / name) for name in ("dev", "prod")}
EVERY = [(name, each) for name, objects in OVERLAYS.items() for each in objects]
NAMES = [f"{name}:{each['kind']}:{each['metadata']['name']}" for name, each in EVERY]
# The schema of a PodMonitor was not at hand; its selector and ports are tested below.
FOREIGN = {"PodMonitor"}
ALPHA = {"networkPolicy", "tlsOptions", "historyServerOptions", "storage", "enableK8sTokenAuth"}


def of_kind(kind: str, overlay: str = "prod") -> list[Object]:
    return [each for each in OVERLAYS[overlay] if each["kind"] == kind]


def templates(part: Any) -> list[Object]:
    """Every pod template in an object."""
    if isinstance(part, list):
        return [each for one in part for each in templates(one)]
    if not isinstance(part, dict):
        return []
    here = [part] if "containers" in part.get("spec", {}) else []
    return here or [each for one in part.values() for each in templates(one)]


PODS = [(name, each, template) for name, each in EVERY for template in templates(each)]
POD_NAMES = [
    f"{name}:{each['kind']}:{each['metadata']['name']}:{number}" for number, (name, each, _) in enumerate(PODS)
]


@pytest.mark.parametrize(("_", "each"), EVERY, ids=NAMES)
def test_kubernetes_takes_every_object_of_its_own_kinds(_: str, each: Object) -> None:
    if each["apiVersion"].startswith("ray.io/") or each["kind"] in FOREIGN:
        assert each["kind"] in {"RayService", "RayJob", *FOREIGN}
    else:
        schemas.of_kubernetes(each)


@pytest.mark.parametrize(("_", "__", "template"), PODS, ids=POD_NAMES)
def test_kubernetes_takes_every_pod(_: str, __: Object, template: Object) -> None:
    schemas.of_pod(template)


@pytest.mark.skipif(not schemas.DATA.is_dir(), reason="not run: no data, KubeRay's CRDs (5 objects)")
@pytest.mark.parametrize(
    "each",
    [each for _, each in EVERY if each["apiVersion"].startswith("ray.io/")],
    ids=lambda each: f"{each['kind']}-{each['metadata']['name']}",
)
def test_kuberays_definitions_take_every_object_of_theirs(each: Object) -> None:
    assert each["apiVersion"] == "ray.io/v1"
    schemas.of_kuberay(each)


@pytest.mark.skipif(not schemas.DATA.is_dir(), reason="not run: no data, KubeRay's CRDs (3 mistakes)")
@pytest.mark.parametrize(
    "change",
    [
        {"excludeHeadFromServeSvc": True},
        {"rayClusterConfig": {"rayVersion": "2.60.0"}},
        {"serveConfigV2": {"applications": []}},
    ],
)
def test_kuberays_definitions_see_what_is_wrong(change: Object) -> None:
    (service,) = of_kind("RayService")
    with pytest.raises(jsonschema.ValidationError):
        schemas.of_kuberay(service | {"spec": service["spec"] | change})


def test_kubernetes_schemas_see_what_is_wrong() -> None:
    (policy,) = [each for each in of_kind("NetworkPolicy") if each["metadata"]["name"] == "ray"]
    with pytest.raises(ValidationError):
        schemas.of_kubernetes(policy | {"spec": policy["spec"] | {"policyType": ["Egress"]}})


def served() -> Object:
    (service,) = of_kind("RayService")
    found: Object = yaml.safe_load(service["spec"]["serveConfigV2"])
    return found


def test_serve_takes_the_graph() -> None:
    ServeDeploySchema.model_validate(served())


def test_the_graph_is_that_of_serve_yaml_but_for_what_a_cluster_behind_an_edge_needs() -> None:
    ours, theirs = served(), yaml.safe_load((ROOT / "deployments" / "serve.yaml").read_text())
    assert ours.pop("proxy_location") == "EveryNode"
    assert theirs.pop("proxy_location") == "HeadOnly"
    assert ours["http_options"].pop("host") == "0.0.0.0"  # noqa: S104 - compared, not bound
    assert theirs["http_options"].pop("host") == "127.0.0.1"
    assert (ours["logging_config"].pop("encoding"), theirs["logging_config"].pop("encoding")) == ("JSON", "TEXT")
    assert (ours["applications"][0].pop("args"), theirs["applications"][0].pop("args")) == ({"behind_tls": True}, {})
    assert ours == placed(theirs)


def test_serve_runs_on_the_settings_that_the_launcher_sets() -> None:
    (settings,) = [each for each in of_kind("ConfigMap") if each["metadata"]["name"] == "settings"]
    given = {name: value for name, value in settings["data"].items() if name.startswith("RAY_SERVE_")}
    image = str(ROOT), "/opt/preceptor"
    assert given == {name: value.replace(*image) for name, value in throughput.SETTINGS.items()}


def test_nodes_bear_the_labels_that_the_graph_asks_for_and_the_head_takes_no_replica() -> None:
    (service,) = of_kind("RayService")
    cluster = service["spec"]["rayClusterConfig"]
    groups = {group["groupName"]: group for group in cluster["workerGroupSpecs"]}
    assert set(groups) == set(PARTS.values())
    for name, group in groups.items():
        assert group["labels"] == {LABEL: name}
        assert group["template"]["metadata"]["labels"]["preceptor.io/part"] == name
    assert cluster["headGroupSpec"]["rayStartParams"]["num-cpus"] == "0"


def test_ray_is_the_one_that_is_locked_and_wants_its_token_and_tls() -> None:
    lock = (ROOT / "requirements" / "cpu.txt").read_text()
    for each in [*of_kind("RayService"), *of_kind("RayJob"), *of_kind("RayService", "dev")]:
        cluster = each["spec"].get("rayClusterConfig") or each["spec"]["rayClusterSpec"]
        assert f"\nray=={cluster['rayVersion']} " in f"\n{lock}"
        assert cluster["authOptions"] == {"mode": "token", "secretName": "ray-token"}
        assert not cluster.get("enableInTreeAutoscaling")
        for pod in templates(cluster):
            env = {one["name"]: one.get("value") for one in pod["spec"]["containers"][0]["env"]}
            assert env["RAY_USE_TLS"] == "1"
            assert env["RAY_TLS_CA_CERT"] == "/etc/ray/tls/ca.crt"
            mounted = [one["name"] for one in pod["spec"]["containers"][0]["volumeMounts"]]
            assert "ray-authority" not in mounted


def test_nothing_rests_on_an_alpha_gate() -> None:
    for _, each in EVERY:
        assert each["kind"] != "RayCronJob"
        cluster = each["spec"].get("rayClusterConfig") or each["spec"].get("rayClusterSpec") if "spec" in each else None
        if cluster:
            assert ALPHA.isdisjoint({*cluster, *cluster["authOptions"], *cluster.get("gcsFaultToleranceOptions", {})})
            assert cluster.get("gcsFaultToleranceOptions", {}).get("backend", "redis") == "redis"


def test_a_head_that_dies_finds_its_graph_again_in_production() -> None:
    (service,) = of_kind("RayService")
    kept = service["spec"]["rayClusterConfig"]["gcsFaultToleranceOptions"]
    assert kept["redisAddress"].startswith("rediss://")
    assert set(kept["redisPassword"]) == {"valueFrom"}


def test_what_is_named_is_there() -> None:
    for name, objects in OVERLAYS.items():
        there = {(each["kind"], each["metadata"].get("namespace", ""), each["metadata"]["name"]) for each in objects}
        for each in objects:
            space = each["metadata"].get("namespace", "")
            assert space == "" or ("Namespace", "", space) in there
            for pod in templates(each):
                assert ("ServiceAccount", space, pod["spec"].get("serviceAccountName")) in there, name
                for volume in pod["spec"]["volumes"]:
                    if "persistentVolumeClaim" in volume:
                        assert ("PersistentVolumeClaim", space, volume["persistentVolumeClaim"]["claimName"]) in there


def test_every_budget_and_service_finds_its_pods() -> None:
    for name in OVERLAYS:
        pods = [(pod["metadata"]["labels"], pod) for _, each, pod in PODS if _ == name]
        for budget in of_kind("PodDisruptionBudget", name):
            assert set(budget["spec"]) == {"minAvailable", "selector"}
            wanted = budget["spec"]["selector"]["matchLabels"].items()
            assert [labels for labels, _ in pods if wanted <= labels.items()]
        for service in of_kind("Service", name):
            (found,) = [pod for labels, pod in pods if service["spec"]["selector"].items() <= labels.items()]
            ports = {port["name"] for port in found["spec"]["containers"][0]["ports"]}
            assert {port["targetPort"] for port in service["spec"]["ports"]} <= ports


def test_prometheus_finds_a_metrics_port_on_every_pod_that_it_is_sent_to() -> None:
    (monitor,) = of_kind("PodMonitor")
    (chosen,) = monitor["spec"]["selector"]["matchExpressions"]
    pods = [pod for name, each, pod in PODS if name == "prod" and each["kind"] in {"RayService", "Deployment"}
            and pod["metadata"]["labels"]["preceptor.io/part"] in chosen["values"]]  # fmt: skip
    assert {pod["metadata"]["labels"]["preceptor.io/part"] for pod in pods} == set(chosen["values"])
    for pod in pods:
        assert "metrics" in {port["name"] for port in pod["spec"]["containers"][0]["ports"]}


def test_images_of_production_are_named_by_digest_and_there_are_two() -> None:
    images = {each["image"] for whole in OVERLAYS["prod"] for each in containers_in(whole)}
    assert len(images) == 2
    assert all("@sha256:" in image for image in images)


@pytest.mark.parametrize("name", OVERLAYS)
def test_the_founding_step_needs_nothing_that_comes_later(name: str) -> None:
    step = [
        each for each in OVERLAYS[name] if each["metadata"].get("labels", {}).get("preceptor.io/step") == "founding"
    ]
    kinds = [each["kind"] for each in step]
    assert sorted(kinds) == [
        "ConfigMap", "Job", "NetworkPolicy", "NetworkPolicy", "NetworkPolicy", "PersistentVolumeClaim",
        "PersistentVolumeClaim", "ServiceAccount",
    ]  # fmt: skip
    (pod,) = [one for each in step for one in templates(each)]
    claims = {each["metadata"]["name"] for each in step if each["kind"] == "PersistentVolumeClaim"}
    used = {
        one["persistentVolumeClaim"]["claimName"] for one in pod["spec"]["volumes"] if "persistentVolumeClaim" in one
    }
    assert used == claims
