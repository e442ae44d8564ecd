"""The tutor that `make prove chaos` breaks: serve.yaml with more replicas, and clocks that can be set.

`python -m tests.proofs.chaos_graph` is `make run` with it. CHAOS_REPLICAS says how many Gateways, Guards and Models
there are; with more than one PRECEPTOR_REDIS_URL_FILE names their Redis.
"""

import os
import sys
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parents[2]
FAKETIME = Path("/usr/lib/x86_64-linux-gnu/faketime/libfaketime.so.1")  # Debian's libfaketime
CLOCKED = ("Gateway", "AuditLog-exchange-0")
REPLICATED = ("Gateway", "Guard", "Model")


def graph(replicas: int, home: Path, *, clocks: bool) -> dict[str, Any]:
    """serve.yaml; its timeouts, queues and health checks stay as they are shipped."""
    config: dict[str, Any] = yaml.safe_load((ROOT / "deployments" / "serve.yaml").read_text())
    application = config["applications"][0]
    if replicas > 1:
        application["args"] |= {"gateways": replicas, "redis": os.environ["PRECEPTOR_REDIS_URL_FILE"]}
    for each in application["deployments"]:
        if each["name"] in REPLICATED:
            each.pop("autoscaling_config", None)
            each["num_replicas"] = replicas
        if clocks and each["name"] in CLOCKED:
            each["ray_actor_options"]["runtime_env"] = {"env_vars": _faked(clock(home, each["name"]))}
    return config


def clock(home: Path, deployment: str) -> Path:
    """The file by which the clock of a deployment's replicas is moved: libfaketime's words, such as `+0` or `-60`."""
    return home / f"clock-{deployment}"


def _faked(file: Path) -> dict[str, str]:
    file.write_text("+0")
    return {
        "LD_PRELOAD": str(FAKETIME), "FAKETIME_TIMESTAMP_FILE": str(file), "FAKETIME_CACHE_DURATION": "1",
        "FAKETIME_DONT_FAKE_MONOTONIC": "1", "FAKETIME_DONT_RESET": "1",
    }  # fmt: skip


def main() -> int:
    """Launch it."""
    from app import run
    from app.founding import prepare
    from app.keys import demo_key

    home = Path(os.environ["PRECEPTOR_HOME"]).absolute()
    file = home / "chaos.yaml"
    replicas = int(os.environ.get("CHAOS_REPLICAS", "1"))
    file.write_text(yaml.safe_dump(graph(replicas, home, clocks=FAKETIME.exists()), sort_keys=False))
    return run.main(sys.argv[1:], lambda: run.Graph(file, prepare, demo_key))


if __name__ == "__main__":
    sys.exit(main())
