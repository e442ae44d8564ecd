"""Who reaches whom: above all that a Model reaches DNS and Ray, and nothing else."""

from pathlib import Path

import pytest

from tests.k8s.reach import Network, Pod, numbers
from tests.k8s.render import Object, expand

PROD = expand(Path(__file__).parents[2] / "deployments" / "k8s" / "overlays" / "prod")
RAY = ("head", "trusted", "guard", "model")
GCS, DASHBOARD, CLIENT, AGENT, METRICS, HTTP, REDIS, MONITOR = 6379, 8265, 10001, 52365, 8080, 8000, 6379, 9300
OTHERS = {"edge": "edge", "kuberay": "operator", "monitoring": "metrics", "redis": "redis"}


def network() -> Network:
    named = {
        each["metadata"]["name"]: each["metadata"].get("labels", {}) for each in PROD if each["kind"] == "Namespace"
    }
    others = {name: {"preceptor.io/role": role} for name, role in OTHERS.items()}
    return Network([each for each in PROD if each["kind"] == "NetworkPolicy"],
                   named | others | {"kube-system": {}, "stranger": {}})  # fmt: skip


NETWORK = network()


def pod(part: str, namespace: str = "preceptor", **labels: str) -> Pod:
    return Pod(namespace, frozenset({"preceptor.io/part": part, **labels}.items()))


def outsider(namespace: str) -> Pod:
    return Pod(namespace, frozenset())


DNS = Pod("kube-system", frozenset({("k8s-app", "kube-dns")}))


def ray_ports() -> set[int]:
    (service,) = [each for each in PROD if each["kind"] == "RayService"]
    given = service["spec"]["rayClusterConfig"]["workerGroupSpecs"][0]["rayStartParams"]
    workers = range(int(given["min-worker-port"]), int(given["max-worker-port"]) + 1)
    fixed = ("node-manager-port", "object-manager-port", "dashboard-agent-grpc-port")
    return {GCS, AGENT, *workers, *(int(given[name]) for name in fixed)}


@pytest.mark.parametrize("part", ["model", "guard"])
def test_a_model_reaches_dns_and_the_ports_of_ray_and_nothing_else(part: str) -> None:
    rules = NETWORK.rules(pod(part), "Egress")
    assert rules is not None
    for rule in rules:
        for peer in rule["to"]:
            if "namespaceSelector" in peer:
                assert peer["podSelector"] == {"matchLabels": {"k8s-app": "kube-dns"}}
                assert {each["port"] for each in rule["ports"]} == {53}
            else:
                assert peer == {"podSelector": {"matchExpressions": [
                    {"key": "preceptor.io/part", "operator": "In", "values": list(RAY)}]}}  # fmt: skip
                assert numbers(rule["ports"]) == ray_ports()
    assert NETWORK.lets(pod(part), DNS, 53, "UDP")
    assert NETWORK.lets(pod(part), pod("head"), GCS)


@pytest.mark.parametrize("part", RAY)
def test_ray_reaches_its_own_everywhere(part: str) -> None:
    assert all(NETWORK.lets(pod(part), pod(other), port) for other in RAY for port in ray_ports())


@pytest.mark.parametrize("part", RAY)
@pytest.mark.parametrize("port", [DASHBOARD, CLIENT, HTTP, METRICS, 30000, 8404, 9101])
def test_no_node_of_ray_reaches_what_lets_one_act_as_an_operator(part: str, port: int) -> None:
    assert not any(NETWORK.lets(pod(part), pod(other), port) for other in RAY)


def test_the_gateway_alone_calls_replicas_directly() -> None:
    direct = (32768, 60999)
    for part in RAY:
        reached = {other for other in RAY for port in direct if NETWORK.lets(pod(part), pod(other), port)}
        assert reached == ({"trusted", "guard", "model"} if part == "trusted" else set())


@pytest.mark.parametrize("port", [GCS, DASHBOARD, CLIENT, AGENT, METRICS, HTTP, MONITOR, 10002, 30000, 32768])
@pytest.mark.parametrize("part", [*RAY, "monitor", "founding"])
def test_a_stranger_reaches_nothing(part: str, port: int) -> None:
    for stranger in (outsider("stranger"), outsider("preceptor"), pod("trainer", "preceptor-jobs")):
        assert not NETWORK.lets(stranger, pod(part), port)


def test_each_neighbour_reaches_its_door_alone() -> None:
    doors = {
        ("edge", "trusted", HTTP), ("kuberay", "head", DASHBOARD), ("kuberay", "head", AGENT),
        *(("monitoring", part, METRICS) for part in RAY), ("monitoring", "monitor", MONITOR),
    }  # fmt: skip
    ports = (GCS, DASHBOARD, CLIENT, AGENT, METRICS, HTTP, MONITOR, 10002)
    for name in OTHERS:
        for part in (*RAY, "monitor"):
            allowed = {port for port in ports if NETWORK.lets(outsider(name), pod(part), port)}
            # the rule for metrics names both ports for whoever shows any
            assert allowed - {METRICS, MONITOR} == {door[2] for door in doors if door[:2] == (name, part)} - {
                METRICS, MONITOR}  # fmt: skip
            assert bool(allowed & {METRICS, MONITOR}) == (name == "monitoring")


def test_the_head_alone_reaches_redis() -> None:
    reaching = [part for part in (*RAY, "monitor", "founding") if NETWORK.lets(pod(part), outsider("redis"), REDIS)]
    assert reaching == ["head"]


def test_the_red_team_sees_the_tutors_door_and_trainers_see_one_another() -> None:
    attacker, trainer = pod("attacker", "preceptor-jobs"), pod("trainer", "preceptor-jobs")
    assert NETWORK.lets(attacker, pod("trusted"), HTTP)
    assert not any(NETWORK.lets(attacker, pod(part), port) for part in RAY for port in (GCS, DASHBOARD, 10002))
    assert not NETWORK.lets(trainer, pod("trusted"), HTTP)
    assert NETWORK.lets(trainer, trainer, GCS)


@pytest.mark.parametrize("part", ["attacker", "trainer"])
def test_a_ray_job_is_submitted_at_its_heads_dashboard(part: str) -> None:
    head = pod(part, "preceptor-jobs", **{"ray.io/node-type": "head"})
    assert NETWORK.lets(pod("submitter", "preceptor-jobs"), head, DASHBOARD)
    assert NETWORK.lets(outsider("kuberay"), head, DASHBOARD)
    assert not NETWORK.lets(pod("submitter", "preceptor-jobs"), head, GCS)
    assert not NETWORK.lets(outsider("stranger"), head, DASHBOARD)


def test_only_these_go_outside_and_never_to_a_metadata_service_or_a_private_network() -> None:
    for part in (*RAY, "monitor", "founding"):
        blocks = [peer["ipBlock"] for rule in NETWORK.rules(pod(part), "Egress") or [] for peer in rule["to"]
                  if "ipBlock" in peer]  # fmt: skip
        assert bool(blocks) == (part in {"head", "trusted", "monitor", "founding"})
        assert all({"169.254.0.0/16", "10.0.0.0/8"} <= set(block["except"]) for block in blocks)


def test_every_pod_is_under_a_policy_in_both_directions() -> None:
    named: list[Object] = [each for each in PROD if each["kind"] == "Namespace"]
    for each in named:
        for direction in ("Ingress", "Egress"):
            assert NETWORK.rules(outsider(each["metadata"]["name"]), direction) is not None
