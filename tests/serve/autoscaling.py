"""The tutor as it is shipped, but with Models that soon come and go; `python -m tests.serve.autoscaling` starts it.

AUTOSCALING_MODELS names as many Models as there are all the time, instead of one or two by load.
"""

import os
import sys
import threading
import time
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from tests.serve.conftest import ROOT, Running

MODELS = 2
QUICK = {
    "min_replicas": 1, "max_replicas": MODELS, "target_ongoing_requests": 2, "upscale_delay_s": 1,
    "downscale_delay_s": 4, "metrics_interval_s": 0.5, "look_back_period_s": 2,
}  # fmt: skip
PUSHED = {  # what the Gateway's handle and the replicas count reaches Serve's controller so often
    "RAY_SERVE_HANDLE_AUTOSCALING_METRIC_PUSH_INTERVAL_S": "0.5",
    "RAY_SERVE_REPLICA_AUTOSCALING_METRIC_PUSH_INTERVAL_S": "0.5",
}
LOOK_S = 0.5


def graph(fixed: int | None = None) -> dict[str, Any]:
    """serve.yaml with a quick Model, or with so many."""
    config: dict[str, Any] = yaml.safe_load((ROOT / "deployments" / "serve.yaml").read_text())
    (model,) = (each for each in config["applications"][0]["deployments"] if each["name"] == "Model")
    if fixed is None:
        model["autoscaling_config"] = QUICK
    else:
        model.pop("autoscaling_config")
        model["num_replicas"] = fixed
    return config


@dataclass(slots=True)
class Timeline:
    """How many Models ran, from when this is entered to its end: moments of time.monotonic() and numbers."""

    running: Running
    points: list[tuple[float, int]] = field(default_factory=list)
    _stop: threading.Event = field(default_factory=threading.Event)
    _thread: threading.Thread = field(init=False)

    def __enter__(self) -> "Timeline":
        self._thread = threading.Thread(target=self._look)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def wait_for(self, models: int, seconds: float) -> float:
        """The moment from which so many ran; AssertionError when that takes longer."""
        began = time.monotonic()
        while True:
            found = [at for at, count in list(self.points) if at >= began and count == models]
            if found:
                return found[0]
            assert time.monotonic() - began < seconds, (
                f"expected {models} Models within {seconds:g} s: {self.points[-5:]}"
            )
            time.sleep(LOOK_S / 2)

    def _look(self) -> None:
        while not self._stop.wait(LOOK_S):
            with suppress(OSError, LookupError):  # the dashboard may be slow to tell
                self.points.append((time.monotonic(), len(self.running.pids("Model"))))


def main() -> int:
    """Launch it."""
    from app import run
    from app.founding import prepare
    from app.keys import demo_key

    file = Path(os.environ["PRECEPTOR_HOME"]).absolute() / "autoscaling.yaml"
    fixed = os.environ.get("AUTOSCALING_MODELS")
    file.write_text(yaml.safe_dump(graph(int(fixed) if fixed else None), sort_keys=False))
    return run.main(sys.argv[1:], lambda: run.Graph(file, prepare, demo_key))


if __name__ == "__main__":
    sys.exit(main())
