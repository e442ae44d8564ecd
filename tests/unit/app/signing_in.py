"""A browser that signs in at an issuer; `provider` and `page` are fixtures."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import pytest
import yaml

from app.api import create_app
from app.identity.identities import Identities
from app.identity.ways import CALLBACK, Ways
from app.settings import Settings
from tests.unit.app.issuing import serving
from tests.unit.app.provider import CLIENT, SECRET, Provider

if TYPE_CHECKING:
    from tests.unit.app.conftest import World

PUBLIC = "http://127.0.0.1:8722"


@pytest.fixture
def provider() -> Iterator[Provider]:
    with serving(Provider(back=f"{PUBLIC}{CALLBACK}")) as serves:
        assert isinstance(serves, Provider)
        yield serves


class Page:
    """A browser's part: follows where it is sent, keeps cookies by their paths."""

    def __init__(self, world: World, app: Any) -> None:
        self.world = world
        self.http = httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url=PUBLIC)

    async def begin(self) -> str:
        await self.world.view.refresh()
        answer = await self.http.get("/session/oidc?issuer=0", headers={"sec-fetch-site": "same-origin"})
        assert answer.status_code == 302, answer.text
        return str(answer.headers["location"])

    async def answered(self) -> str:
        """Where the issuer sends the browser back to."""
        where = await self.begin()
        async with httpx.AsyncClient() as client:
            return str((await client.get(where)).headers["location"])

    async def back(self, url: str) -> str:
        answer = await self.http.get(url, headers={"sec-fetch-site": "cross-site"})
        assert answer.status_code == 303
        return str(answer.headers["location"])

    async def sign_in(self) -> str:
        return await self.back(await self.answered())

    async def session(self) -> httpx.Response:
        return await self.http.get("/session", headers={"sec-fetch-site": "same-origin"})


def page_of(world: World, home: Path, provider: Provider, **told: Any) -> Page:
    issuer = {"issuer": provider.url, "audience": CLIENT, "tenant": "uni"}
    client = {"client_id": CLIENT, "name": "University"} | ({"secret_file": "uni.secret"} if provider.secret else {})
    file = home / "issuers.yaml"
    file.write_text(yaml.safe_dump({"public_url": PUBLIC, "issuers": [issuer | {"sign_in": client} | told]}))
    (home / "keys" / "uni.secret").write_text(SECRET)
    (home / "keys" / "uni.secret").chmod(0o600)
    settings = Settings(home=home, issuers=file)
    identities = Identities.load(settings)
    object.__setattr__(world.tutor, "keys", identities)
    ways = Ways.load(settings, identities)
    assert SECRET not in repr(ways)
    return Page(world, create_app(world.tutor, world.counts, None, ways=ways))  # type: ignore[arg-type]


@pytest.fixture
def page(world: World, tmp_path: Path, provider: Provider) -> Page:
    return page_of(world, tmp_path, provider)
