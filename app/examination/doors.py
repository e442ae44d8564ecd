"""Ray's doors, tried as a stranger would: without a token, from this host's outer addresses."""

import contextlib
import os
import socket
import stat
from collections.abc import Iterable
from pathlib import Path

import grpc  # type: ignore[import-untyped]  # grpcio comes without types
import httpx

from app.examination.deployment import CannotTell, Deployment
from app.examination.listening import Listener, outward_listeners

TIMEOUT_S = 5.0
GCS_CALL = "/ray.rpc.NodeInfoGcsService/CheckAlive"
REPLICA_CALL = "/ray.serve.ASGIService/HandleRequest"
# These parts never need to be reached from outside a node's own network, token or not.
CLOSED = frozenset({"dashboard", "Ray client", "dashboard agent", "runtime environment agent"})
HAPROXY_PORTS = (("RAY_SERVE_HAPROXY_STATS_PORT", 8404), ("RAY_SERVE_HAPROXY_METRICS_PORT", 9101))


def dashboard_token(deployment: Deployment) -> str | None:
    """Jobs and Serve's interface answer 401 without Ray's token: whoever may submit a job runs code (ShadowRay)."""
    for path in ("/api/jobs/", "/api/serve/applications/"):
        status = _get(deployment.dashboard + path).status_code
        if status not in (401, 403):
            return f"{path} answers {status} without a token; start Ray with RAY_AUTH_MODE=token"
    return None


def gcs_token(deployment: Deployment) -> str | None:
    """The GCS refuses a call without Ray's token."""
    host, port = deployment.gcs
    return _refuses((host, port), GCS_CALL, "the GCS")


def replica_token(deployment: Deployment) -> str | None:
    """Replicas refuse a call without Ray's token; without it they unpickle what anybody sends, past every guard."""
    for replica in _of(outward_listeners(deployment), {"replica"}):
        if _speaks_http(replica):
            return f"{replica} answers HTTP: RAY_SERVE_ENABLE_HA_PROXY opens it; close 30000-31000 by a firewall"
        if open_ := _refuses((replica.near, replica.port), REPLICA_CALL, str(replica)):
            return open_
    return None


def ray_ports(deployment: Deployment) -> str | None:
    """Dashboard, its agents, metrics and Ray client listen on the loopback address alone."""
    return _bound(_of(outward_listeners(deployment), CLOSED), "bind them to 127.0.0.1, or close them by a firewall")


def haproxy_ports(deployment: Deployment) -> str | None:
    """HAProxy's statistics and metrics pages have no password, and listen everywhere in Ray's own template."""
    ports = [int(deployment.environment.get(name, default)) for name, default in HAPROXY_PORTS]
    answering = [f"{host}:{port}" for port in ports for host in deployment.outward if _connects(host, port)]
    if answering:
        return (
            f"HAProxy's pages answer at {', '.join(answering)}; set RAY_SERVE_HAPROXY_BINARY_PATH to "
            "deployments/private_haproxy.py, or close these ports by a firewall"
        )
    return None


def haproxy_socket(deployment: Deployment) -> str | None:
    """Ray lets everybody write to HAProxy's command socket, which rules it; ours, or its folder, keeps others out."""
    named = Path(deployment.environment.get("RAY_SERVE_HAPROXY_SOCKET_PATH", "/tmp/haproxy-serve/admin.sock"))  # noqa: S108
    open_ = [path for path in (named, *named.parent.glob(f"*/{named.name}")) if _is_open(path, named.parent)]
    if not open_:
        return None
    return (
        f"every user of this host may command HAProxy by {open_[0]}; set RAY_SERVE_HAPROXY_BINARY_PATH to "
        "deployments/private_haproxy.py, and RAY_SERVE_HAPROXY_SOCKET_PATH to a folder of 0700"
    )


def ray_client(deployment: Deployment) -> str | None:
    """Ray's usual client port 10001 does not answer at this host's outer addresses."""
    answering = [host for host in deployment.outward if _connects(host, 10001)]
    return f"port 10001 (Ray client) answers at {', '.join(answering)}; close it" if answering else None


def usage_statistics(deployment: Deployment) -> str | None:
    """Ray tells nobody about this cluster."""
    answer = _get(f"{deployment.dashboard}/usage_stats_enabled", deployment.ray_token)
    try:
        enabled = answer.json()["data"]["usageStatsEnabled"]
    except (ValueError, LookupError, TypeError) as error:
        raise CannotTell(f"the dashboard answers {answer.status_code}; is Ray's token the right one?") from error
    return "Ray reports its use to its makers; start it with RAY_USAGE_STATS_ENABLED=0" if enabled else None


def switches(deployment: Deployment) -> str | None:
    """Nothing here sets what leads around guard and log, or opens Ray."""
    read = {**deployment.environment, **{name: value for name, value in os.environ.items() if name.startswith("RAY_")}}
    if read.get("RAY_SERVE_LLM_ENABLE_DIRECT_STREAMING", "0").lower() not in ("", "0", "false"):
        return "RAY_SERVE_LLM_ENABLE_DIRECT_STREAMING lets the model answer past guard and log; unset it"
    if read.get("RAY_AUTH_MODE") != "token":
        return f"RAY_AUTH_MODE is {read.get('RAY_AUTH_MODE', 'not set')}; expected token, in this shell too"
    return None


def _of(listeners: Iterable[Listener], parts: Iterable[str]) -> list[Listener]:
    wanted = set(parts)
    return [listener for listener in listeners if listener.part in wanted]


def _bound(listeners: list[Listener], remedy: str) -> str | None:
    return f"{'; '.join(map(str, listeners))}: {remedy}" if listeners else None


def _get(url: str, token: str = "") -> httpx.Response:
    headers = {"authorization": f"Bearer {token}"} if token else {}
    try:
        return httpx.get(url, headers=headers, timeout=TIMEOUT_S, trust_env=False)
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise CannotTell(f"{url}: {type(error).__name__}") from error


def _refuses(place: tuple[str, int], call: str, who: str) -> str | None:
    """None when a gRPC call without a token is UNAUTHENTICATED; raises CannotTell when nobody answers."""
    target = f"[{place[0]}]:{place[1]}" if ":" in place[0] else f"{place[0]}:{place[1]}"
    with grpc.insecure_channel(target, options=(("grpc.enable_http_proxy", 0),)) as channel:
        try:
            channel.unary_unary(call)(b"", timeout=TIMEOUT_S)
        except grpc.RpcError as error:
            code = error.code()
            if code is grpc.StatusCode.UNAUTHENTICATED:
                return None
            if code in (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED):
                raise CannotTell(f"{who} at {target} does not answer plain gRPC ({code.name})") from error
    return f"{who} at {target} takes calls without a token; start Ray with RAY_AUTH_MODE=token"


def _speaks_http(listener: Listener) -> bool:
    try:
        with socket.create_connection((listener.near, listener.port), TIMEOUT_S) as wire:
            wire.settimeout(1)
            wire.sendall(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
            return wire.recv(8).startswith(b"HTTP/1.")
    except OSError:
        return False


def _is_open(path: Path, folder: Path) -> bool:
    """Whether a socket takes other users' words: somebody listens, they may write, and these folders let them pass."""
    with contextlib.suppress(OSError):
        mode, folders = path.stat().st_mode, [each.stat().st_mode for each in (path.parent, folder)]
        if stat.S_ISSOCK(mode) and mode & stat.S_IWOTH and all(each & stat.S_IXOTH for each in folders):
            with socket.socket(socket.AF_UNIX) as probe:
                probe.connect(str(path))  # what a dead HAProxy left behind refuses
            return True
    return False


def _connects(host: str, port: int) -> bool:
    try:
        with socket.create_connection((host, port), 1):
            return True
    except OSError:
        return False
