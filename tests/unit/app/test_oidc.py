"""A foreign issuer's tokens, each attack with real keys over a real HTTP server, through the real application."""

import base64
import json
import logging
import time
from collections.abc import Iterator
from typing import Any

import httpx
import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1
from cryptography.hazmat.primitives.asymmetric.ec import generate_private_key as ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from app.auth import OPERATOR, Principal, Role, scoped
from app.errors import NotAuthenticated
from app.identity.discovery import KeySource
from app.identity.identities import Identities
from app.identity.issuers import Issuer
from app.identity.keyset import KeySet
from app.identity.oidc import Oidc
from audit.record import Entry, Kind
from tests.unit.app.conftest import World
from tests.unit.app.issuing import AUDIENCE, IdP, jwk, rsa, serving


@pytest.fixture(scope="module")
def strangers_key():
    return rsa()


@pytest.fixture
def idp() -> Iterator[IdP]:
    with serving(IdP()) as serves:
        yield serves


def trusting(idp: IdP, **more: Any) -> Oidc:
    told = {"issuer": idp.url, "audience": AUDIENCE, "tenant": "uni", "jwks_url": f"{idp.url}/jwks"} | more
    issuer = Issuer.model_validate(told)
    return Oidc(issuer, KeySet(issuer.issuer, KeySource(issuer, 30), lambda: 0.0))  # no time passes


@pytest.fixture
def school(world: World, idp: IdP) -> World:
    """The application, which trusts the issuer."""
    issuer = trusting(idp, algorithms=["RS256", "ES256", "EdDSA"], roles={"rita": "reviewer"})
    object.__setattr__(world.tutor, "keys", Identities(world.issuer, {idp.url: issuer}))
    return world


async def call(world: World, token: str, path: str = "/v1/models") -> httpx.Response:
    await world.view.refresh()  # a slow machine outlives the ten seconds for which a view counts
    return await world.http.get(path, headers={"authorization": f"Bearer {token}"})


def part(value: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()


async def test_whom_the_issuer_vouches_for_is_let_in_as_our_file_says(school: World, idp: IdP) -> None:
    boast = {"tenant": OPERATOR, "role": "admin", "roles": ["admin"], "jti": "j1"}
    issuer = school.tutor.keys.foreign[idp.url]
    who = await issuer.read(idp.token(**boast))
    assert (who.subject, who.tenant, who.role, who.jti) == (f"{idp.url}|ada", "uni", Role.LEARNER, "j1")
    assert (who.issuer, who.issued <= time.time()) == (idp.url, True)
    assert (await issuer.read(idp.token(sub="rita"))).role is Role.REVIEWER
    assert (await call(school, idp.token(**boast))).status_code == 200
    assert (await call(school, idp.token(**boast), "/v1/review")).json()["error"]["code"] == "role_not_allowed"
    assert (await call(school, idp.token(sub="rita"), "/v1/review")).status_code == 200
    assert (await call(school, school.key())).status_code == 200  # our own keys stay what they were
    assert idp.asked == ["/jwks"]


async def test_the_same_name_from_two_issuers_is_two_people(school: World, idp: IdP) -> None:
    with serving(IdP()) as other:
        ours, theirs = school.tutor.keys.foreign[idp.url], trusting(other)
        people = [await ours.read(idp.token()), await theirs.read(other.token())]
        people.append(school.issuer.read(school.issuer.mint("ada", "uni", Role.LEARNER, 60)[0]))
    tags = {await school.view.tag(who.tenant, who.subject) for who in people}
    assert len(tags) == 3
    with pytest.raises(ValueError, match="sets foreign subjects apart"):
        school.issuer.mint(scoped(idp.url, "ada"), "uni", Role.LEARNER, 60)


async def test_elliptic_and_edwards_keys_verify_what_is_theirs_alone(school: World, idp: IdP) -> None:
    curve, edwards = ec(SECP256R1()), Ed25519PrivateKey.generate()
    idp.keys += [jwk(curve, "ec"), jwk(edwards, "ed")]
    for key, alg, kid, status in (
        (curve, "ES256", "ec", 200),
        (edwards, "EdDSA", "ed", 200),
        (curve, "ES256", "ed", 401),
    ):
        assert (await call(school, idp.token(key=key, alg=alg, header={"kid": kid}))).status_code == status, kid


def attacks(idp: IdP, stranger: Any) -> dict[str, str]:
    now = int(time.time())
    public = idp.private.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    confused = f"{part({'alg': 'HS256', 'kid': 'one', 'typ': 'JWT'})}.{part(idp.claims())}"
    mac = jwt.get_algorithm_by_name("HS256").sign(confused.encode(), public)
    unsigned = f"{part({'alg': 'none', 'kid': 'one'})}.{part(idp.claims())}."
    good = idp.token()
    jwks_of_mine = {"jwk": jwk(stranger, "one"), "jku": f"{idp.url}/mine", "x5u": f"{idp.url}/mine"}
    return {
        "forged": idp.token(key=stranger),
        "claims changed": good.replace(good.split(".")[1], part(idp.claims(sub="root"))),
        "signature cut": good.rpartition(".")[0] + ".",
        "expired": idp.token(iat=now - 700, exp=now - 100),
        "not yet valid": idp.token(nbf=now + 300),
        "issued in the future": idp.token(iat=now + 300, exp=now + 600),
        "wrong audience": idp.token(aud="somebody-else"),
        "no audience": idp.token(aud=None),
        "no expiry": idp.token(exp=None),
        "no iat": idp.token(iat=None),
        "no subject": idp.token(sub=None),
        "empty subject": idp.token(sub=""),
        "a subject of control characters": idp.token(sub="a\nb"),
        "huge subject": idp.token(sub="a" * 300),
        "another issuer": idp.token(iss="https://elsewhere.example"),
        "in our own name": idp.token(iss="preceptor"),
        "infinite expiry": idp.token(exp=float("inf")),
        "alg=none": unsigned,
        "alg=None": unsigned.replace(part({"alg": "none", "kid": "one"}), part({"alg": "NoNe", "kid": "one"})),
        "key confusion": f"{confused}.{base64.urlsafe_b64encode(mac).rstrip(b'=').decode()}",
        "an algorithm not listed": idp.token(alg="PS256"),
        "keys brought along": idp.token(key=stranger, header=jwks_of_mine),
        "keys brought along, new kid": idp.token(key=stranger, header=jwks_of_mine | {"kid": "two"}),
        "no kid": jwt.encode(idp.claims(), idp.private, algorithm="RS256"),
        "kid: a path": idp.token(header={"kid": "../../../../dev/null"}),
        "kid: a URL": idp.token(header={"kid": f"{idp.url}/mine"}),
        "kid: SQL": idp.token(header={"kid": "' or '1'='1"}),
        "kid: a list": f"{part({'alg': 'RS256', 'kid': ['one']})}.{part(idp.claims())}.AAAA",
        "kid: huge": idp.token(header={"kid": "k" * 4000}),
        "an extension that must be understood": idp.token(header={"crit": ["exp"], "exp": now + 300}),
        "an unencoded payload": idp.token(header={"b64": False, "crit": ["b64"]}),
        "huge": idp.token(filler="x" * 20_000),
        "deeply nested header": f"{base64.urlsafe_b64encode(b'[' * 5000).decode()}.e30.AAAA",
        "deeply nested claims": f"{part({'alg': 'RS256'})}.{base64.urlsafe_b64encode(b'[' * 5000).decode()}.AAAA",
        "not a token": "a.b.c",
        "five parts": good + ".a.b",
    }


async def test_every_attack_is_refused_and_counted(school: World, idp: IdP, strangers_key, caplog) -> None:
    assert (await call(school, idp.token())).status_code == 200
    for count, (name, token) in enumerate(attacks(idp, strangers_key).items(), 1):
        answer = await call(school, token)
        code = answer.json()["error"]["code"]
        assert (answer.status_code, code) == (401, "expired_api_key" if name == "expired" else "invalid_api_key"), name
        assert school.counts["invalid_api_key"] + school.counts["expired_api_key"] == count, name
        assert token not in answer.text
        (line,) = (each.getMessage() for each in caplog.records if each.levelno == logging.WARNING)
        assert line.startswith(f"identity refused: {code}, "), name
        assert not any(piece in line for piece in token.split(".") if len(piece) > 8), name
        caplog.clear()
    assert set(idp.asked) == {"/jwks"}  # no header led anywhere else
    assert len(idp.asked) == 1  # and an unknown kid asks anew only when ten seconds have passed
    assert (await call(school, idp.token())).status_code == 200


async def test_while_nobody_can_tell_the_answer_is_503_and_our_own_keys_go_on(school: World, idp: IdP, caplog) -> None:
    idp.status = 500
    answer = await call(school, idp.token())
    assert (answer.status_code, answer.json()["error"]["code"]) == (503, "identity_unavailable")
    assert int(answer.headers["retry-after"]) >= 1
    assert "identity refused: identity_unavailable, Fault" in caplog.messages
    assert school.counts["identity_unavailable"] == 1
    assert (await call(school, school.key())).status_code == 200


async def test_a_token_for_another_audience_or_issuer_is_no_good_when_replayed_here(school: World, idp: IdP) -> None:
    """An ID token of another client, a token or key of ours sent to somebody else: each counts where it belongs."""
    assert (await call(school, idp.token(aud=["webmail", "calendar"]))).status_code == 401
    assert (await call(school, idp.token(aud=["webmail", AUDIENCE]))).status_code == 200
    with serving(IdP()) as other:
        there = trusting(other)
        with pytest.raises(NotAuthenticated):
            await there.read(idp.token())
        with pytest.raises(NotAuthenticated):
            await there.read(school.key())


async def test_a_weak_a_private_and_a_symmetric_key_of_the_set_verify_nothing(school: World, idp: IdP) -> None:
    weak, leaked = rsa(1024), rsa()
    secret = {"kty": "oct", "kid": "oct", "k": "c2VjcmV0", "alg": "HS256"}
    private = jwt.get_algorithm_by_name("RS256").to_jwk(leaked, as_dict=True) | {"kid": "leaked"}
    crypt = rsa()
    idp.keys += [jwk(weak, "weak"), private, secret, jwk(crypt, "enc", use="enc"), {"kid": "x"}, 7]
    assert (await call(school, idp.token())).status_code == 200
    for key, kid in ((weak, "weak"), (leaked, "leaked"), (crypt, "enc")):
        assert (await call(school, idp.token(key=key, header={"kid": kid}))).status_code == 401, kid


async def revoke(world: World, tenant: str, subject: str, fields: dict[str, Any]) -> None:
    entry = Entry(
        Kind.revocation, f"01a20a1d-5b64-7007-a833-{time.time_ns() % 10**12:012d}", 0, tenant, subject, fields
    )
    root = {"authorization": f"Bearer {world.key('root', Role.ADMIN)}"}
    done = await world.http.post("/v1/audit/records", json={"records": [entry.to_json()]}, headers=root)
    assert "receipt" in done.json()["results"][0], done.text
    await world.view.refresh()


async def test_a_token_is_refused_after_its_revocation_by_id_or_by_subject(school: World, idp: IdP) -> None:
    named, nameless, bob = idp.token(jti="j7"), idp.token(), idp.token(sub="bob")
    await revoke(school, OPERATOR, "operator", {"jti": "j7"})
    assert (await call(school, named)).json()["error"]["code"] == "revoked_api_key"
    assert (await call(school, nameless)).status_code == 200
    await revoke(school, "uni", scoped(idp.url, "ada"), {"before_us": time.time_ns() // 1000, "issuer": idp.url})
    for token, status in ((nameless, 401), (bob, 200)):
        assert (await call(school, token)).status_code == status
    later = int(time.time()) + 9  # what they log in with afterwards is good again; here within the leeway of clocks
    await revoke(school, "uni", scoped(idp.url, "bob"), {"before_us": (later - 12) * 1_000_000, "issuer": idp.url})
    assert (await call(school, idp.token(sub="bob", iat=later))).status_code == 200
    assert school.counts["revoked_api_key"] == 2


async def test_own_keys_are_revoked_by_subject_and_the_next_ones_are_good(world: World) -> None:
    token, who = world.issuer.mint("mallory", "school", Role.LEARNER, 600)
    assert isinstance(who, Principal)
    await revoke(world, "other", "mallory", {"before_us": time.time_ns() // 1000 + 10**6})  # a namesake elsewhere
    assert (await call(world, token)).status_code == 200
    await revoke(world, "school", "mallory", {"before_us": who.issued * 1_000_000 + 1})
    assert (await call(world, token)).json()["error"]["code"] == "revoked_api_key"
    await revoke(world, "school", "nobody", {"before_us": (who.issued + 60) * 1_000_000})
    assert (await call(world, world.key("eve"))).status_code == 200
