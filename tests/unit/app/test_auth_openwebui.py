"""Open WebUI's signed user header: believed beside one key alone, and the plain headers never."""

import time
from typing import Any

import httpx
import jwt
import pytest

from app.auth import Role
from app.identity.identities import Identities
from app.identity.issuers import WebUi
from app.identity.openwebui import SignedUser
from audit.record import Entry, Kind
from tests.unit.app.conftest import World

SECRET = b"a shared secret of more than thirty-two bytes"


@pytest.fixture
def school(world: World) -> World:
    path = world.keys_dir / "openwebui.secret"
    path.write_bytes(SECRET + b"\n")
    path.chmod(0o600)
    told = WebUi(secret_file=path.name, key_subject="open-webui", tenant="school")
    object.__setattr__(world.tutor, "keys", Identities(world.issuer, webui=SignedUser.load(told, world.keys_dir)))
    return world


def signed(secret: bytes = SECRET, alg: str | None = "HS256", **more: Any) -> str:
    now = int(time.time())
    claims = {"iss": "open-webui", "sub": "u-1", "role": "admin", "iat": now, "exp": now + 300} | more
    return jwt.encode(
        {k: v for k, v in claims.items() if v is not None}, secret if alg != "none" else None, algorithm=alg
    )


async def call(world: World, user: str | None, key: str | None = None, **more: str) -> httpx.Response:
    headers = {"authorization": f"Bearer {key or world.key('open-webui')}"} | more
    await world.view.refresh()  # a slow machine outlives the ten seconds for which a view counts
    return await world.http.get("/v1/models", headers=headers | ({"x-openwebui-user-jwt": user} if user else {}))


async def test_the_user_of_the_header_asks_and_no_longer_the_service(school: World) -> None:
    headers = {"authorization": f"Bearer {school.key('open-webui', Role.REVIEWER)}", "x-openwebui-user-jwt": signed()}
    who = await school.tutor.identify(headers)
    assert (who.subject, who.tenant, who.role, who.issuer) == ("openwebui|u-1", "school", Role.LEARNER, "openwebui")
    plain = {"x-openwebui-user-id": "u-2", "x-openwebui-user-role": "admin", "x-openwebui-user-email": "b@example.org"}
    assert await school.tutor.identify(headers | plain) == who
    alone = await school.tutor.identify({"authorization": f"Bearer {school.key('open-webui')}"} | plain)
    assert alone.subject == "open-webui"
    asked = await school.http.post("/v1/terms", json={"digest": school.terms.digest}, headers=headers)
    assert asked.status_code == 200  # the person accepts, and asks, and owns what they asked
    body = {"model": "tiny", "messages": [{"role": "user", "content": "What is a firewall?"}]}
    answer = await school.http.post("/v1/chat/completions", json=body, headers=headers)
    receipts = await school.http.get(f"/v1/receipts/{answer.json()['preceptor']['request_id']}", headers=headers)
    assert receipts.json()["receipts"][0]["subject"] == await school.view.tag("school", "openwebui|u-1")


async def test_every_bad_header_is_refused_and_counted(school: World) -> None:
    now = int(time.time())
    bad = {
        "forged": signed(b"another secret of more than thirty-two bytes"),
        "expired": signed(iat=now - 100, exp=now - 50),
        "old, with a long life": signed(iat=now - 400, exp=now + 10_000),
        "of tomorrow": signed(iat=now + 86_400, exp=now + 86_700),
        "not yet valid": signed(nbf=now + 200),
        "no sub": signed(sub=None),
        "empty sub": signed(sub=""),
        "huge sub": signed(sub="u" * 300),
        "no iat": signed(iat=None),
        "no exp": signed(exp=None),
        "alg=none": signed(alg="none"),
        "HS512": signed(alg="HS512"),
        "huge": signed(filler="x" * 20_000),
        "nonsense": "x",
        "a key of ours": school.key(),
    }
    for count, (name, header) in enumerate(bad.items(), 1):
        answer = await call(school, header)
        assert answer.status_code == 401, name
        assert school.counts["invalid_api_key"] + school.counts["expired_api_key"] == count, name
    assert school.counts["expired_api_key"] == 2
    assert (await call(school, signed())).status_code == 200


async def test_the_header_counts_beside_the_one_key_alone(school: World) -> None:
    stranger = school.issuer.mint("open-webui", "elsewhere", Role.LEARNER, 60)[0]
    for key in (school.key("ada"), school.key("root", Role.ADMIN), stranger, school.key("open-webui", ttl_s=-5), "x"):
        assert (await call(school, signed(), key)).status_code == 401
    assert (await call(school, signed())).status_code == 200


async def test_a_header_that_was_overheard_is_worth_nothing_without_the_key_nor_for_long(school: World) -> None:
    header = signed(iat=int(time.time()) - 250, exp=int(time.time()) + 10_000)
    assert (await call(school, header)).status_code == 200
    assert (await call(school, header)).status_code == 200  # a front asks more than once with one header
    anybody = await school.http.get("/v1/models", headers={"authorization": "", "x-openwebui-user-jwt": header})
    assert anybody.status_code == 401
    assert (await call(school, header, header)).status_code == 401  # nor is it a key itself
    late = signed(iat=int(time.time()) - 311, exp=int(time.time()) + 10_000)
    assert (await call(school, late)).json()["error"]["code"] == "expired_api_key"


async def test_without_an_open_webui_the_header_is_refused(world: World) -> None:
    assert (await call(world, signed())).json()["error"]["code"] == "invalid_api_key"


async def test_whoever_was_revoked_is_refused_person_or_service(school: World) -> None:
    async def revoke(subject: str) -> None:
        entry = Entry(Kind.revocation, f"r-{subject}", 0, "school", subject, {"before_us": time.time_ns() // 1000})
        root = {"authorization": f"Bearer {school.key('root', Role.ADMIN)}"}
        done = await school.http.post("/v1/audit/records", json={"records": [entry.to_json()]}, headers=root)
        assert "receipt" in done.json()["results"][0], done.text
        await school.view.refresh()

    key = school.key("open-webui")
    await revoke("openwebui|u-1")
    assert (await call(school, signed(), key)).json()["error"]["code"] == "revoked_api_key"
    assert (await call(school, signed(sub="u-2"), key)).status_code == 200
    await revoke("open-webui")
    assert (await call(school, signed(sub="u-2"), key)).json()["error"]["code"] == "revoked_api_key"


def test_a_secret_that_is_short_or_lies_open_is_not_taken(world: World) -> None:
    path, told = world.keys_dir / "s", WebUi(secret_file="s", key_subject="open-webui", tenant="school")
    with pytest.raises(FileNotFoundError):
        SignedUser.load(told, world.keys_dir)
    path.write_bytes(SECRET)
    path.chmod(0o644)
    with pytest.raises(PermissionError, match="chmod 600"):
        SignedUser.load(told, world.keys_dir)
    path.chmod(0o600)
    assert "secret" not in repr(SignedUser.load(told, world.keys_dir)).replace("secret_file", "")
    path.write_bytes(b"short")
    with pytest.raises(ValueError, match="at least 32 bytes"):
        SignedUser.load(told, world.keys_dir)
