"""The settings of Ray Serve that the graph runs on: HAProxy in front, and calls between replicas without Ray's objects.

    python -m deployments.throughput FOLDER     prints them as NAME=value lines; FOLDER is private to who runs Ray

They belong into the environment of each node before Ray starts there, since Serve reads them when it is imported. What
the environment says already wins: `RAY_SERVE_ENABLE_HA_PROXY=0` starts without HAProxy. Figures: docs/operations.md.
"""

import sys
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).parent
LONGEST_FOLDER = 36  # bytes; HAProxy wants 95 for a socket's path, and Ray puts a node's id, 56 digits, in between
SETTINGS = {
    "RAY_SERVE_ENABLE_HA_PROXY": "1",
    "RAY_SERVE_HAPROXY_BINARY_PATH": str(ROOT / "private_haproxy.py"),
    "RAY_SERVE_HAPROXY_TUNE_BUFSIZE": "65536",  # more than app.incoming.HEADER_BYTES, so that the Gateway answers
    # gRPC from replica to replica: a streamed piece costs a tenth of what it costs as one of Ray's objects. The Model
    # itself calls by Ray, since it may open no connection to ports that nobody names: docs/sandbox.md.
    "RAY_SERVE_USE_GRPC_BY_DEFAULT": "1",
    "RAY_SERVE_RUN_USER_CODE_IN_SEPARATE_THREAD": "0",
    "RAY_SERVE_RUN_ROUTER_IN_SEPARATE_LOOP": "0",
    "RAY_SERVE_REQUEST_PATH_LOG_BUFFER_SIZE": "1000",
    # What runs while nobody asks: the controller's look at its replicas (else ten a second), and metrics' export.
    "RAY_SERVE_CONTROL_LOOP_INTERVAL_S": "0.5",
    "RAY_SERVE_METRICS_EXPORT_INTERVAL_MS": "2000",
    # A proxy is missed after three looks: a dead one after 6 s instead of 30, one that is slow still after 30.
    "RAY_SERVE_PROXY_HEALTH_CHECK_PERIOD_S": "2",
    # How long a Gateway that stops still takes new questions, until every HAProxy knows.
    "RAY_SERVE_DIRECT_INGRESS_MIN_DRAINING_PERIOD_S": "2",
}
PORTS = ("RAY_SERVE_HAPROXY_STATS_PORT", "RAY_SERVE_HAPROXY_METRICS_PORT", "RAY_SERVE_FALLBACK_PROXY_HTTP_PORT")


def places(folder: Path, ports: Sequence[int] = ()) -> dict[str, str]:
    """Where HAProxy's files lie, below a folder of 0700 whose path has at most LONGEST_FOLDER bytes, and where it and
    the proxy behind it listen; without `ports`, one for each of PORTS, where Ray has it."""
    paths = {
        "RAY_SERVE_HAPROXY_CONFIG_FILE_LOC": folder / "haproxy.cfg",
        "RAY_SERVE_HAPROXY_SOCKET_PATH": folder / "a",
        "RAY_SERVE_HAPROXY_METRICS_SOCKET_PATH": folder / "m",
        "RAY_SERVE_HAPROXY_SERVER_STATE_BASE": folder,
        "RAY_SERVE_HAPROXY_SERVER_STATE_FILE": folder / "server-state",
    }
    return {name: str(path) for name, path in paths.items()} | dict(zip(PORTS, map(str, ports), strict=False))


if __name__ == "__main__":
    print("\n".join(f"{name}={value}" for name, value in (SETTINGS | places(Path(sys.argv[1]).absolute())).items()))
