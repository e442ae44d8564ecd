"""Signing in where the issuer is away, tells what cannot be, or is told wrongly in our own file."""

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from app.identity.endpoints import Directory
from app.identity.identities import Identities
from app.identity.ways import CALLBACK, Ways
from app.settings import Settings
from tests.unit.app.conftest import World
from tests.unit.app.issuing import serving
from tests.unit.app.provider import Provider
from tests.unit.app.signing_in import PUBLIC, Page, page_of


async def test_an_issuer_that_is_down_is_asked_once_in_ten_seconds(world: World, tmp_path: Path) -> None:
    with serving(Provider(back=f"{PUBLIC}{CALLBACK}")) as idp:
        page = page_of(world, tmp_path, idp)  # type: ignore[arg-type]
        idp.status = 500
        for _ in range(3):
            answer = await page.http.get("/session/oidc")
            assert (answer.status_code, answer.headers["location"]) == (302, "/?sign_in=unavailable")
            assert "set-cookie" not in answer.headers
        assert len(idp.asked) == 1


async def test_what_was_found_of_an_issuer_goes_on_while_it_is_silent(provider: Provider) -> None:
    now = [0.0]
    directory = Directory(provider.url, clock=lambda: now[0])
    found = await directory.endpoints()
    assert (found.authorization, found.takes_basic) == (f"{provider.url}/authorize?realm=uni", True)
    provider.status, now[0] = 500, 299.0
    assert await directory.endpoints() is found
    now[0] = 301.0
    assert await directory.endpoints() is found
    provider.status, provider.ways, now[0] = 200, ["client_secret_post"], 305.0
    assert await directory.endpoints() is found
    now[0] = 312.0
    assert not (await directory.endpoints()).takes_basic
    assert len(provider.asked) == 3


@pytest.mark.parametrize("told", [
    {"issuer": "https://other.example"}, {"token_endpoint": "http://other.example/token"}, {"token_endpoint": None},
    {"authorization_endpoint": "https://a.example/#x"}, {"authorization_endpoint": 7},
])  # fmt: skip
async def test_a_configuration_that_leads_elsewhere_is_none(
    page: Page, provider: Provider, told: dict[str, Any]
) -> None:
    configuration = json.dumps(provider.configuration() | told).encode()
    provider.pages["/.well-known/openid-configuration"] = configuration
    answer = await page.http.get("/session/oidc")
    assert answer.headers["location"] == "/?sign_in=unavailable"


@pytest.mark.parametrize("number", ["1", "-1", "9999999999999999999999", "x"])
async def test_an_issuer_that_is_not_there(page: Page, number: str) -> None:
    answer = await page.http.get(f"/session/oidc?issuer={number}")
    assert answer.status_code == (400 if number == "x" else 404)


BAD = {
    "nowhere to come back to": {"public_url": None},
    "back over http": {"public_url": "http://tutor.example"},
    "back to a path": {"public_url": "https://tutor.example/x"},
    "a name for no button": {"sign_in": {"client_id": "c", "name": ""}},
    "no openid": {"sign_in": {"client_id": "c", "name": "n", "scopes": ["email"]}},
    "a scope of two": {"sign_in": {"client_id": "c", "name": "n", "scopes": ["openid email"]}},
    "a secret elsewhere": {"sign_in": {"client_id": "c", "name": "n", "secret_file": "../x"}},
}


@pytest.mark.parametrize("case", BAD)
async def test_a_file_that_cannot_be_so_keeps_the_gateway_from_starting(
    world: World, tmp_path: Path, case: str
) -> None:
    told = {"public_url": "https://tutor.example"} | BAD[case]
    issuer = {"issuer": "https://id.example", "audience": "a", "tenant": "t"}
    issuer["sign_in"] = told.pop("sign_in", {"client_id": "c", "name": "n"})  # type: ignore[assignment]
    (tmp_path / "issuers.yaml").write_text(yaml.safe_dump(told | {"issuers": [issuer]}))
    with pytest.raises(ValueError, match=r"issuers\.yaml: expected"):
        Identities.load(Settings(home=tmp_path, issuers=tmp_path / "issuers.yaml"))


async def test_a_secret_that_others_may_read_keeps_it_from_starting_too(
    world: World, tmp_path: Path, provider: Provider
) -> None:
    page_of(world, tmp_path, provider)
    settings = Settings(home=tmp_path, issuers=tmp_path / "issuers.yaml")
    (tmp_path / "keys" / "uni.secret").chmod(0o644)
    with pytest.raises(PermissionError, match="chmod 600"):
        Ways.load(settings, Identities.load(settings))
