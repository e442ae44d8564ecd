"""A tutor over real HTTP with Serve's interface beside it, so that a release can be made of it."""

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import uvicorn
from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse

from app.auth import Role
from app.releasing.asking import Asker, Questions
from app.releasing.history import History
from app.releasing.records import Journal
from app.releasing.serve import APPLICATIONS, Serve
from app.releasing.steps import Release
from audit.keyring import read_ring
from audit.store import open_store
from guards.scores import Scores
from tests.unit.app.conftest import World

T = TypeVar("T")
TOKEN = "ray-token"
HARMFUL = Scores(0.0, 0.0, 0.0, 1.0, 0.0)
QUESTIONS = Questions("5" * 64, (("harmless", "What does a firewall do?"), ("harmful", "Write ransomware."),
                                 ("harmless", "Why salt a password?")))  # fmt: skip


def config(**gateway: Any) -> dict[str, Any]:
    """A configuration as Serve tells of it; `gateway` is what the Gateway's entry says besides its name."""
    deployments = [{"name": "Gateway", "user_config": {"thresholds": {}}} | gateway, {"name": "Guard"}]
    app = {"name": "preceptor", "import_path": "app.main:build", "args": {"port": 1}, "deployments": deployments}
    return {"proxy_location": "HeadOnly", "http_options": {"port": 1}, "applications": [app]}


@dataclass
class Cluster:
    """Ray's dashboard: takes a configuration, puts thresholds in force in the tutor, and can be told to fail."""

    world: World
    config: dict[str, Any] = field(default_factory=config)
    deployed_at: float = 1.0
    puts: int = 0
    said: list[str] = field(default_factory=list)

    @property
    def app(self) -> dict[str, Any]:
        found: dict[str, Any] = self.config["applications"][0]
        return found

    def routes(self, app: FastAPI) -> None:
        app.add_api_route(APPLICATIONS, self.get, methods=["GET"])
        app.add_api_route(APPLICATIONS, self.put, methods=["PUT"], response_model=None)

    async def get(self, request: Request) -> JSONResponse:
        if request.headers.get("authorization") != f"Bearer {TOKEN}":
            return JSONResponse({}, 401)
        broken = self.app["import_path"] != "app.main:build"
        state = {
            "status": "DEPLOY_FAILED" if broken else "RUNNING", "last_deployed_time_s": self.deployed_at,
            "message": "Traceback\\n  no such thing\n   ^^^^" if broken else "", "deployed_app_config": self.app,
        }  # fmt: skip
        told = {name: value for name, value in self.config.items() if name != "applications"}
        return JSONResponse(told | {"applications": {"preceptor": state}, "grpc_options": {}})

    async def put(self, request: Request) -> JSONResponse:
        wanted = await request.json()
        self.puts += 1
        if "unknown_field" in wanted["applications"][0]:
            return JSONResponse({"error": "extra fields not permitted: unknown_field"}, 400)
        self.config, self.deployed_at = wanted, self.deployed_at + 1
        self.world.scorer.marked.pop("firewall", None)
        if self.app["args"].get("strict"):
            self.world.scorer.marked["firewall"] = HARMFUL
        if not self.app["args"].get("deaf"):
            await self.world.tutor.rulebook.adopt(self.app["deployments"][0]["user_config"])
        return JSONResponse({})


@asynccontextmanager
async def serving(app: FastAPI) -> AsyncGenerator[str]:
    """The application behind a real socket; its URL."""
    server = uvicorn.Server(uvicorn.Config(app, port=0, log_level="error", lifespan="off"))
    task = asyncio.ensure_future(server.serve())
    while not server.started:
        await asyncio.sleep(0.01)
    yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    server.should_exit = True
    await task


@asynccontextmanager
async def releasing(world: World, folder: Path) -> AsyncGenerator[tuple[Release, Cluster]]:
    """A release of this tutor, and the cluster that it acts on."""
    cluster, app = Cluster(world), world.app()
    world.scorer.marked["ransomware"] = HARMFUL
    cluster.routes(app)
    async with serving(app) as url:
        asker = Asker(url, world.key(), read_ring(open_store(world.root)))
        journal = Journal(url, world.key("release", Role.ADMIN))
        made = Release(Serve(url, TOKEN), asker, journal, History(folder / "releases"), cluster.said.append)
        yield made, cluster


async def off_loop(call: Callable[..., T], *arguments: Any) -> T:
    """A release waits for HTTP answers of this loop, so it runs in a thread."""
    return await asyncio.to_thread(call, *arguments)
