"""A tutor that the launcher starts in seconds: one Gateway, a real log and real rules, a scripted model and scorer.

`python -m tests.serve.small` is `make run` with it.
"""

import asyncio
import sys
from pathlib import Path
from typing import Any

from fastapi import FastAPI
from ray import serve
from ray.serve import Application

from app.settings import Limits
from guards.scores import Scores
from tests.unit.app.conftest import World

HARMFUL = dict.fromkeys(("ransomware", "system prompt", "keylogger", "phishing"), Scores(0.0, 0.0, 0.0, 1.0, 0.0))
HARMLESS = {"": Scores(0.002, 0.975, 0.007, 0.008, 0.01)}  # every text holds the empty one; the first that fits counts


@serve.deployment
@serve.ingress()
class Gateway:
    """The whole tutor in one process."""

    async def __init__(self, home: str) -> None:
        self._world = World(Path(home), Limits())
        self._world.scorer.marked = HARMFUL | HARMLESS
        await self._world.view.refresh()
        self._loop = asyncio.ensure_future(self._world.view.follow())

    def __serve_build_asgi_app__(self) -> FastAPI:
        return self._world.app()

    async def reconfigure(self, config: dict[str, Any] | None) -> None:
        await self._world.tutor.rulebook.adopt(config)


def build(args: dict[str, Any]) -> Application:
    """Serve's builder; the arguments are the launcher's."""
    return Gateway.bind(args["home"])  # type: ignore[attr-defined]


def main() -> int:
    """Launch it; its Gateway makes keys and log."""
    from app import run
    from app.keys import demo_key

    graph = run.Graph(Path(__file__).with_name("small.yaml"), lambda _settings, _say: None, demo_key)
    return run.main(sys.argv[1:], lambda: graph)


if __name__ == "__main__":
    sys.exit(main())
