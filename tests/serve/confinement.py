"""A production Model with a listener outside: free it is refused, confined it serves and comes back as such.

python -m tests.serve.confinement HOME    on a Ray cluster of its own; prints what happened as one JSON object
"""

import asyncio
import contextlib
import dataclasses
import json
import os
import signal
import socket
import sys
import tempfile
import time
from contextlib import aclosing
from pathlib import Path
from typing import Any

import yaml

from app import doctor
from app.cluster import free_ports
from app.sandbox import demands
from app.settings import Settings
from audit import init, keys
from audit.log import Log
from audit.record import Entry, Kind
from deployments import embedded
from deployments.chat import ChatFormat, Turn
from deployments.confinement import Demands
from deployments.egress import Address
from deployments.generation import Sampling
from tests.serve.node_loss import ROOT, own_cluster
from tests.unit.train.tiny_model import write_model

BACK_WITHIN_S = 60.0
MODEL = "ray::ServeReplica:confined:Model"


def found(home: Path) -> str:
    """A home with a promoted model; the digest that it is asked for."""
    write_model(home / "models" / "tiny")
    base = embedded.open_folder(home / "models" / "tiny")
    init.begin(home / "audit", home / "keys", "test", 1, [])
    fields = {"name": "tiny", "model_digest": base.digest, "base": "tiny", "adapter_digest": None,
              "weights": base.files}  # fmt: skip
    log = Log.open(home / "audit" / "control", keys.load(home / "keys"))
    log.append([Entry.operational(Kind.promotion, fields, actor="operator")])
    return base.digest


def deploy(home: Path, name: str, wanted: Demands, options: dict[str, Any]) -> Any:
    """The Model and its log as an application; raises RuntimeError when Serve gives up."""
    from ray import serve

    from deployments.auditor import AuditLog
    from deployments.model import Model

    control = AuditLog.options(ray_actor_options={"num_cpus": 0.05}).bind(  # type: ignore[attr-defined]
        str(home / "audit"), "control", str(home / "keys"), 20
    )
    model = Model.options(  # type: ignore[attr-defined]
        max_constructor_retry_count=1, health_check_period_s=1, ray_actor_options=options
    ).bind(str(home / "models"), "tiny", control, (home / "audit" / "log.vkey").read_text(), wanted)
    return serve.run(model, name=name, route_prefix=None)


def shipped_options() -> dict[str, Any]:
    """The Model's actor options, as serve.yaml has them."""
    config = yaml.safe_load((ROOT / "deployments" / "serve.yaml").read_text())
    (model,) = (each for each in config["applications"][0]["deployments"] if each["name"] == "Model")
    options: dict[str, Any] = model["ray_actor_options"]
    return options


def refusal(home: Path, wanted: Demands) -> str:
    """What Serve says of a Model that is not confined."""
    from ray import serve

    free = shipped_options()
    del free["runtime_env"]["py_executable"]
    with contextlib.suppress(RuntimeError):
        deploy(home, "free", wanted, free)
    application = serve.status().applications["free"]
    said = f"{application.status} {application.deployments['Model'].message}"
    serve.delete("free")
    return said


async def say(home: Path, handle: Any, digest: str) -> int:
    """Ask until it answers; the number of tokens."""
    from deployments.model import RemoteModel
    from deployments.ports import ServiceUnavailable

    prompt = ChatFormat.load(home / "models" / "tiny").encode([Turn("user", "Why?")])
    until = time.monotonic() + BACK_WITHIN_S
    while True:
        try:
            async with aclosing(RemoteModel(handle).stream(prompt, Sampling(8, seed=1), digest)) as pieces:
                return [piece.tokens async for piece in pieces][-1]
        except ServiceUnavailable:
            assert time.monotonic() < until, f"no answer within {BACK_WITHIN_S:g} s"
            await asyncio.sleep(0.5)


def replica() -> tuple[int, str]:
    """Process id of the Model's running replica, and what its kernel says of it."""
    (place,) = (path.parent for path in Path("/proc").glob("[0-9]*/cmdline") if MODEL in _read(path))
    status = (place / "status").read_text().splitlines()
    return int(place.name), " ".join(line for line in status if line.startswith(("NoNewPrivs", "CapBnd", "Seccomp:")))


def _read(path: Path) -> str:
    try:
        return path.read_text()
    except OSError:  # it has ended meanwhile
        return ""


def main(home: Path) -> int:
    """Exit 0 when it ran to its end; what it found is for the caller to judge."""
    digest = found(home)
    os.environ["PRECEPTOR_HOME"] = str(home)
    os.environ["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    (port,) = free_ports(1)
    with contextlib.redirect_stdout(sys.stderr), socket.create_server(("127.0.0.1", port)):
        probe = Address.parse(f"tcp://127.0.0.1:{port}")
        wanted = dataclasses.replace(demands(Settings(home=home, mode="production")), outside=(probe,))
        temporary = tempfile.TemporaryDirectory(prefix="ray-", dir=doctor.socket_root())
        with temporary as folder, own_cluster(folder):
            said = refusal(home, wanted)
            began = time.monotonic()
            handle = deploy(home, "confined", wanted, shipped_options())
            ready = time.monotonic() - began
            first = asyncio.run(say(home, handle, digest))
            before, _ = replica()
            os.kill(before, signal.SIGKILL)
            again = asyncio.run(say(home, handle, digest))
            after, status = replica()
    print(json.dumps({"probe": str(probe), "refusal": said, "ready_s": round(ready, 1), "tokens": [first, again],
                      "replaced": before != after, "status": status}))  # fmt: skip
    return 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
