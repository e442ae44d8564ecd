"""The same appends through Ray Serve: the deployed writer alone, called as the Gateway calls it."""

import asyncio
import contextlib
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from tests.bench.log_append import closed_loop
from tests.bench.log_records import Home, Rate, windows

INTERVAL_MS = 20
TIMEOUT_S = 30.0
WAITING = 1024
ROOT = Path(__file__).resolve().parents[2]


def through_serve(folder: Path, seconds: float, clients: Sequence[int]) -> list[Rate]:
    """Each number of clients against one replica, in a Ray of its own that ends with this call."""
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    os.environ.pop("RAY_ADDRESS", None)
    home = Home.begin(folder)
    with contextlib.redirect_stdout(sys.stderr):  # Ray's words on ending would stand among the figures
        return _in_ray(home, seconds, clients)


def _in_ray(home: Home, seconds: float, clients: Sequence[int]) -> list[Rate]:
    import ray
    from ray import serve

    from deployments.auditor import AuditLog

    ray.init(
        address="local", num_cpus=2, include_dashboard=False, log_to_driver=False, logging_level="ERROR",
        runtime_env={"env_vars": {"PYTHONPATH": str(ROOT)}},
    )  # fmt: skip
    try:
        serve.start(proxy_location="Disabled")
        writer = AuditLog.options(  # type: ignore[attr-defined]  # serve.deployment is untyped here
            max_ongoing_requests=WAITING, max_queued_requests=4 * WAITING, ray_actor_options={"num_cpus": 0.05}
        )
        application = writer.bind(str(home.root), home.log_folder.name, str(home.keys_folder), INTERVAL_MS)
        return asyncio.run(_all(application, clients, seconds))
    finally:
        serve.shutdown()
        ray.shutdown()


async def _all(application: object, clients: Sequence[int], seconds: float) -> list[Rate]:
    from ray import serve

    from deployments.auditor import LogHandle

    log = LogHandle(await asyncio.to_thread(serve.run, application, name="bench", route_prefix=None), TIMEOUT_S)
    entries, rates = windows(), []
    await log.append([next(entries)])
    for number in clients:
        latencies, took = await closed_loop(log.append, entries, number, seconds)
        rates.append(Rate.of(f"through Serve, {INTERVAL_MS} ms", number, latencies, len(latencies) / took))
    return rates
