"""The node with the writer is lost under load: a Ray cluster of its own, on moto's S3, in a process of its own.

python -m tests.serve.node_loss HOME    prints what happened as one JSON object
"""

import asyncio
import contextlib
import json
import os
import secrets
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from uuid_utils import uuid7

from app import doctor
from audit import init, verify
from audit.record import Entry
from tests.unit.audit.conftest import BUCKET, World

ROOT = Path(__file__).resolve().parents[2]
CLIENTS = 4
APPEND_TIMEOUT_S = 45.0
INTERVAL_MS = 100
MANY = 40  # appends before the loss, and after the return
GONE_S = 2.0  # between the loss of a node and its successor
BACK_WITHIN_S = 120.0
LOG_NODE: dict[str, Any] = {"num_cpus": 1, "resources": {"log": 1}, "node_ip_address": "127.0.0.1"}


@dataclass(slots=True)
class Clients:
    """Callers as the Gateway is one: each appends an exchange record by record, and says it again until it is heard.

    They live in a thread of their own: Ray starts nodes from the main one only.
    """

    log: Any
    world: World
    held: list[tuple[Entry, str, float]] = field(default_factory=list)  # with the receipt's proof, and when it came
    refused: int = 0
    _stop: threading.Event = field(default_factory=threading.Event)
    _thread: threading.Thread = field(init=False)

    def __enter__(self) -> "Clients":
        self._thread = threading.Thread(target=lambda: asyncio.run(self._run()))
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def heard_after(self, moment: float) -> float:
        """When the first acknowledgement after a moment came."""
        until = time.monotonic() + BACK_WITHIN_S
        while not self.held or self.held[-1][2] <= moment:
            assert time.monotonic() < until, f"no append was acknowledged within {BACK_WITHIN_S:g} s"
            time.sleep(0.05)
        return next(at for _, _, at in self.held if at > moment)

    def hear_more(self) -> None:
        """Until a good many further ones are acknowledged."""
        enough = len(self.held) + MANY
        until = time.monotonic() + BACK_WITHIN_S
        while len(self.held) < enough:
            assert time.monotonic() < until, f"fewer than {MANY} appends were acknowledged within {BACK_WITHIN_S:g} s"
            time.sleep(0.05)

    async def _run(self) -> None:
        await asyncio.gather(*(self._ask() for _ in range(CLIENTS)))

    async def _ask(self) -> None:
        while not self._stop.is_set():
            for entry in self.world.exchange(str(uuid7()), "Salted ", "hashes."):
                self.held.append((entry, await self._acknowledged(entry), time.monotonic()))

    async def _acknowledged(self, entry: Entry) -> str:
        from deployments.ports import ServiceUnavailable

        while True:
            try:
                return str((await self.log.append([entry]))[0].proof)
            except ServiceUnavailable:
                self.refused += 1


def lose_a_node(cluster: Any, world: World) -> dict[str, Any]:
    """Append, lose the node, bring another, append; then look whether all that was acknowledged is there."""
    from ray import serve

    from deployments.auditor import AuditLog, LogHandle

    node = cluster.add_node(**LOG_NODE)
    writer = AuditLog.options(  # type: ignore[attr-defined]  # serve.deployment is untyped here
        max_ongoing_requests=1024, ray_actor_options={"num_cpus": 0.05, "resources": {"log": 1}}
    )
    bound = writer.bind(str(world.address), "exchange-0", str(world.home / "keys"), INTERVAL_MS)
    log = LogHandle(serve.run(bound, name="log", route_prefix=None), APPEND_TIMEOUT_S)
    with Clients(log, world) as clients:
        clients.hear_more()
        cluster.remove_node(node, allow_graceful=False)
        lost, before = time.monotonic(), len(clients.held)
        time.sleep(GONE_S)
        cluster.add_node(**LOG_NODE)
        joined = time.monotonic()
        back = clients.heard_after(joined)
        clients.hear_more()
    return look(world, clients) | {
        "acknowledged_before": before, "acknowledged_after": len(clients.held) - before, "refused": clients.refused,
        "back_after_loss_s": round(back - lost, 1), "back_after_join_s": round(back - joined, 1),
    }  # fmt: skip


def look(world: World, clients: Clients) -> dict[str, Any]:
    """Every acknowledged record, held against the log as a stranger reads it."""
    reader = world.open().memory.reader
    times = Counter((one.leaf["request_id"], one.leaf["seq"]) for one in reader.stored(0))
    acknowledged = [(entry.request_id, entry.seq) for entry, _, _ in clients.held]
    files = world.home / "receipts"
    files.mkdir()
    receipts = []
    for number, (_, proof, _) in enumerate(clients.held):
        (files / f"{number}").write_text(proof)
        receipts.append(files / f"{number}")
    (world.home / "log.vkey").write_bytes(bytes(world.store.read("log.vkey")))
    report = verify.verify(world.address, world.home / "log.vkey", (), receipts)
    return {
        "lost": sum(times[one] == 0 for one in acknowledged),
        "twice": sum(count > 1 for count in times.values()),
        "receipts_valid": sum(one["valid"] for one in report.receipts),
        "verified": report.valid,
        "first_bad": report.first_bad,
    }


@contextlib.contextmanager
def bucket() -> Iterator[None]:
    """moto's S3 in this process, and the environment that leads everybody to it."""
    import httpx
    from moto.server import DomainDispatcherApplication, create_backend_app
    from werkzeug.serving import WSGIRequestHandler, make_server

    from tests.unit.audit.conftest import S3

    class Quiet(WSGIRequestHandler):
        def log_request(self, *_: Any) -> None:
            pass

    app = S3(DomainDispatcherApplication(create_backend_app))
    server = make_server("127.0.0.1", 0, app, threaded=True, request_handler=Quiet)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    httpx.put(f"http://127.0.0.1:{server.server_port}/{BUCKET}", trust_env=False).raise_for_status()
    os.environ |= {
        "AWS_ENDPOINT_URL": f"http://127.0.0.1:{server.server_port}", "AWS_ALLOW_HTTP": "true",
        "AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test", "AWS_REGION": "us-east-1",
        "NO_PROXY": "127.0.0.1",
    }  # fmt: skip
    yield
    server.shutdown()


@contextlib.contextmanager
def own_cluster(
    temporary: str, http: dict[str, Any] | None = None, nodes: Sequence[dict[str, Any]] = (), **head: Any
) -> Iterator[Any]:
    """A head, nothing of which another Ray on this machine can find, nor it another; `http` is where Serve answers."""
    os.environ |= {
        "RAY_TMPDIR": temporary, "RAY_USAGE_STATS_ENABLED": "0", "PYTHONPATH": str(ROOT),
        "RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": secrets.token_hex(32),
        "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0",  # see app.cluster
    }  # fmt: skip
    for name in ("RAY_ADDRESS", "RAY_AUTH_TOKEN_PATH"):
        os.environ.pop(name, None)
    import ray
    from ray import serve
    from ray.cluster_utils import Cluster

    bare = {"include_dashboard": False, "include_log_monitor": False, "no_monitor": True}  # a start is slow enough
    here = {"num_cpus": 2, "node_ip_address": "127.0.0.1"}
    cluster = Cluster(initialize_head=True, head_node_args=bare | here | head)
    for node in nodes:
        cluster.add_node(**node)
    ray.init(address=cluster.address, log_to_driver=False, logging_level="ERROR")
    try:
        serve.start(http_options=http) if http else serve.start(proxy_location="Disabled")
        yield cluster
        serve.shutdown()
    finally:
        ray.shutdown()
        cluster.shutdown()


def main(home: Path) -> int:
    """Exit 0 when it ran to its end; what it found is for the caller to judge."""
    with contextlib.redirect_stdout(sys.stderr), bucket():
        world = World(home, f"s3://{BUCKET}/audit")
        init.begin(world.address, home / "keys", "test", 1)
        temporary = tempfile.TemporaryDirectory(prefix="ray-", dir=doctor.socket_root())  # tmp_path is too long
        with temporary as folder, own_cluster(folder) as cluster:
            found = lose_a_node(cluster, world)
    print(json.dumps(found))
    return 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
