"""The smallest graph that the launcher can start: `python -m tests.serve.tiny` is `make run` with it."""

import sys
from pathlib import Path

from ray import serve
from ray.serve import Application
from starlette.requests import Request
from starlette.responses import PlainTextResponse


@serve.deployment
class Tiny:
    """Says ready to whatever is asked."""

    async def __call__(self, _: Request) -> PlainTextResponse:
        return PlainTextResponse("ready")


def build(_: dict[str, object]) -> Application:
    """Serve's builder; the arguments are the launcher's."""
    return Tiny.bind()  # type: ignore[attr-defined]


def main() -> int:
    """Launch with nothing to prepare and a fixed key."""
    from app import run

    graph = run.Graph(
        Path(__file__).with_name("tiny.yaml"), lambda _settings, _say: None, lambda _settings, _url: "key"
    )
    return run.main(sys.argv[1:], lambda: graph)


if __name__ == "__main__":
    sys.exit(main())
