"""Which connections a set of NetworkPolicy objects lets through: rules of all policies that select a pod add up."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from tests.k8s.render import Object


@dataclass(frozen=True)
class Pod:
    """A pod as policies see it."""

    namespace: str
    labels: frozenset[tuple[str, str]]


@dataclass(frozen=True)
class Network:
    """All policies, and the labels of namespaces."""

    policies: list[Object]
    namespaces: dict[str, dict[str, str]]

    def rules(self, pod: Pod, direction: str) -> list[Object] | None:
        """What a direction ("Ingress", "Egress") lets through; None where no policy selects the pod: everything."""
        chosen = [each for each in self.policies if self._selects(each, pod, direction)]
        if not chosen:
            return None
        return [rule for each in chosen for rule in each["spec"].get(direction.lower(), [])]

    def lets(self, source: Pod, target: Pod, port: int, protocol: str = "TCP") -> bool:
        """Whether both ends agree."""
        return self._half(source, target, port, protocol, "Egress") and self._half(
            target, source, port, protocol, "Ingress"
        )

    def _half(self, pod: Pod, other: Pod, port: int, protocol: str, direction: str) -> bool:
        rules = self.rules(pod, direction)
        if rules is None:
            return True
        side = "to" if direction == "Egress" else "from"
        return any(
            _has_port(rule, port, protocol) and any(self._is_peer(peer, pod, other) for peer in rule[side])
            for rule in rules
        )

    def _selects(self, policy: Object, pod: Pod, direction: str) -> bool:
        spec = policy["spec"]
        ours = policy["metadata"]["namespace"] == pod.namespace
        return ours and direction in spec["policyTypes"] and _matches(spec["podSelector"], dict(pod.labels))

    def _is_peer(self, peer: Object, pod: Pod, other: Pod) -> bool:
        if "ipBlock" in peer:
            return False  # pods lie in private networks, which each block here leaves out
        if "namespaceSelector" in peer:
            there = self.namespaces[other.namespace] | {"kubernetes.io/metadata.name": other.namespace}
            if not _matches(peer["namespaceSelector"], there):
                return False
        elif other.namespace != pod.namespace:
            return False
        return _matches(peer.get("podSelector", {}), dict(other.labels))


def _has_port(rule: Object, port: int, protocol: str) -> bool:
    if "ports" not in rule:
        return True
    return any(each["protocol"] == protocol and each["port"] <= port <= each.get("endPort", each["port"])
               for each in rule["ports"])  # fmt: skip


def _matches(selector: Object, labels: dict[str, str]) -> bool:
    return all(_terms(selector, labels))


def _terms(selector: Object, labels: dict[str, str]) -> Iterator[bool]:
    if unknown := set(selector) - {"matchLabels", "matchExpressions"}:
        raise ValueError(f"unknown in a selector: {unknown}")
    yield selector.get("matchLabels", {}).items() <= labels.items()
    for each in selector.get("matchExpressions", []):
        if each["operator"] != "In":
            raise ValueError(f"unknown operator: {each['operator']}")
        yield labels.get(each["key"]) in each["values"]


def numbers(ports: list[Any]) -> set[int]:
    """Every TCP port of a rule."""
    return {number for each in ports if each["protocol"] == "TCP"
            for number in range(each["port"], each.get("endPort", each["port"]) + 1)}  # fmt: skip
