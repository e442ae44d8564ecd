"""The tutor's own graph with an engine that answers at once, and a guard that knows words alone or is the real one.

`PROXY_GUARD=rules python -m tests.bench.proxy_graph` is `make run` with it. Gateway, log, library, prompts and keys are
the product's; the product itself has no such engine.
"""

import asyncio
import os
import sys
from collections.abc import AsyncGenerator, Callable, Coroutine, Sequence
from typing import Any

import yaml
from ray import serve
from ray.serve import Application

from app import main as product
from app import run
from app.doctor import ROOT
from app.founding import prepare
from app.ingress import Gateway
from app.keys import demo_key
from app.settings import Settings, from_environment
from deployments.coalescing import coalesced
from deployments.generation import Piece, Sampling
from deployments.guard import Guard
from deployments.library import Knowledge
from guards.encoder import card_digest
from guards.scores import Scores, make
from tests.bench.proxy_upstream import PIECES

GUARDS = ("rules", "full")
PLENTY = 10**6
WORDS = ("previous instructions", "system prompt", "developer mode", "ransomware", "keylogger", "phishing")
"""What the guard of words refuses: about what LiteLLM's categories hold of this subject."""


class Remote:
    """A method that is called as one of a Serve handle, but runs here."""

    def __init__(self, method: Callable[..., Coroutine[Any, Any, Any]]) -> None:
        self._method = method

    def remote(self, *arguments: Any) -> asyncio.Future[Any]:
        return asyncio.ensure_future(self._method(*arguments))


class Words:
    """The guard's scorer in the Gateway's own process, as LiteLLM's filter is: no encoder, no hop."""

    @property
    def digest(self) -> Remote:
        return Remote(_digest)

    @property
    def score(self) -> Remote:
        return Remote(_score)


async def _digest() -> str:
    return card_digest()


async def _score(texts: Sequence[str], *_: Any) -> list[Scores]:
    bad, good = make(0.999, 0.0, 0.999, 0.0), make(0.0, 0.0, 0.0, 0.0)
    return [bad if any(word in text.lower() for word in WORDS) else good for text in texts]


async def _pieces() -> AsyncGenerator[Piece]:
    for count, text in enumerate(PIECES, 1):
        yield Piece(text, count, "stop" if count == len(PIECES) else None)


@serve.deployment(name="Model")
class InstantModel:
    """Says the same pieces as `proxy_upstream`, at once; they travel as the Model's do."""

    async def problem(self) -> str | None:
        return None

    async def stream(self, prompt: list[int], sampling: Sampling, digest: str) -> AsyncGenerator[Piece]:
        async for piece in coalesced(_pieces()):
            yield piece


def rules(args: Settings) -> Application:
    """Serve's builder, for the guard of words."""
    return _graph(args, Words(), Words())


def full(args: Settings) -> Application:
    """Serve's builder, for the real guard."""
    shelf = str(from_environment(**args.model_dump(exclude_unset=True)).guards)
    challenger = Guard.options(name="Challenger").bind(shelf, shipped=False)  # type: ignore[attr-defined]
    return _graph(args, Guard.bind(shelf), challenger)  # type: ignore[attr-defined]


def _graph(args: Settings, guard: Any, challenger: Any) -> Application:
    settings = from_environment(**args.model_dump(exclude_unset=True))
    exchanges = [product._log(settings, "exchange-0")]
    control = product._log(settings, "control", exchanges)
    library = Knowledge.bind(str(settings.knowledge_packs), None)  # type: ignore[attr-defined]
    model = InstantModel.bind()  # type: ignore[attr-defined]
    return Gateway.bind(settings, guard, challenger, model, control, exchanges, library)  # type: ignore[attr-defined]


def configuration(guard: str) -> dict[str, Any]:
    """deployments/serve.yaml for this graph: no limits but those of size, a Model that needs no confinement."""
    config: dict[str, Any] = yaml.safe_load((ROOT / "deployments" / "serve.yaml").read_text())
    (application,) = config["applications"]
    application["import_path"] = f"tests.bench.proxy_graph:{guard}"
    rates = {"requests_per_minute": PLENTY, "tokens_per_minute": 1000 * PLENTY, "concurrent": 256}
    application["args"] = {"limits": {**rates, "streams": 128, "queue": 128}}
    kept = []
    for each in application["deployments"]:
        if each["name"] in ("Guard", "Challenger") and guard == "rules":
            continue
        if each["name"] == "Model":
            each.pop("autoscaling_config", None)
            each |= {"num_replicas": 1, "max_ongoing_requests": 256, "ray_actor_options": {"num_cpus": 0.3}}
        kept.append(each)
    application["deployments"] = kept
    return config


def main() -> int:
    """Launch it with the guard that PROXY_GUARD names."""
    settings = from_environment()
    path = settings.home / "graph.yaml"
    path.write_text(yaml.safe_dump(configuration(os.environ.get("PROXY_GUARD", "rules"))))
    return run.main(sys.argv[1:], lambda: run.Graph(path, prepare, demo_key))


if __name__ == "__main__":
    sys.exit(main())
