"""Nothing is answered in production under a policy that nobody signed; only a signature that holds counts."""

import base64
import dataclasses
import re
import shlex
import shutil
import stat
import subprocess
from pathlib import Path
from typing import Any

import httpx
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from app import doctor, policy
from app.auth import Role
from app.settings import Settings, UnsafeEnvironment, from_environment, require_safe_environment
from app.signoff import BadSignoffKey, Digests, Signoffs, is_signed_by, key_id, load_private, load_public, sign
from app.terms import ETHICS, TERMS, Terms
from audit.errors import BadKeys
from audit.record import Entry, Kind
from guards.policy import Policy
from tests.unit.app.conftest import World
from tests.unit.app.releases import off_loop, serving

CHANGES = {"thresholds": {"override": {"threshold": 0.9}}}
PAGE = (Path(policy.__file__).parents[1] / "docs" / "policy.md").read_text()
DIGESTS = Digests("1" * 64, "2" * 64, "3" * 64)


def leaf(fields: dict[str, Any]) -> dict[str, Any]:
    return {"kind": "signoff", "fields": fields}


@pytest.fixture
def key() -> Ed25519PrivateKey:
    return Ed25519PrivateKey.generate()


@pytest.fixture
async def production(world: World, key: Ed25519PrivateKey) -> World:
    """The same tutor in production: it answers under a signed policy only."""
    world.view.state.signoffs = Signoffs(key.public_key())
    ethics = Terms.load(ETHICS).digest
    world.tutor = dataclasses.replace(world.tutor, signed_only=True, ethics_digest=ethics)
    world.http = httpx.AsyncClient(
        transport=httpx.ASGITransport(world.app(), raise_app_exceptions=False),
        base_url="http://test", headers={"authorization": f"Bearer {world.key()}"},
    )  # fmt: skip
    return world


async def put_on_record(world: World, fields: dict[str, str]) -> None:
    """Through the operators' door, as `app.policy sign` does."""
    records = [Entry.operational(Kind.signoff, fields, actor="operator").to_json()]
    admin = {"authorization": f"Bearer {world.key('root', Role.ADMIN)}"}
    done = await world.http.post("/v1/audit/records", json={"records": records}, headers=admin)
    assert "receipt" in done.json()["results"][0], done.text
    await world.view.refresh()


async def test_production_answers_only_under_a_signed_policy(production: World, key: Ed25519PrivateKey) -> None:
    asked = await production.ask()
    assert (asked.status_code, asked.json()["error"]["code"]) == (503, "policy_unsigned")
    assert int(asked.headers["retry-after"]) > 0
    assert production.kinds() == []
    ready = (await production.http.get("/readyz")).json()
    assert (ready["status"], ready["problem"], ready["policy_signed"]) == ("degraded", "policy_unsigned", False)
    await put_on_record(production, sign(key, policy.to_serve()))
    assert (await production.ask()).status_code == 200
    ready = (await production.http.get("/readyz")).json()
    assert (ready["status"], ready["policy_signed"]) == ("ready", True)


async def test_a_changed_policy_is_refused_until_it_is_signed_too(production: World, key: Ed25519PrivateKey) -> None:
    await put_on_record(production, sign(key, policy.to_serve()))
    await production.tutor.rulebook.change(CHANGES)
    assert (await production.ask()).json()["error"]["code"] == "policy_unsigned"
    changed = Policy.load().overridden(CHANGES).digest
    await put_on_record(production, sign(key, dataclasses.replace(policy.to_serve(), policy=changed)))
    assert (await production.ask()).status_code == 200
    await production.tutor.rulebook.change(None)  # the way back stays open
    assert (await production.ask()).status_code == 200


@pytest.mark.parametrize("other", ["terms", "ethics"])
async def test_other_terms_or_another_statement_are_not_what_was_signed(
    production: World, key: Ed25519PrivateKey, other: str
) -> None:
    await put_on_record(production, sign(key, dataclasses.replace(policy.to_serve(), **{other: "0" * 64})))
    assert (await production.ask()).json()["error"]["code"] == "policy_unsigned"


async def test_a_record_without_the_key_is_kept_and_does_not_count(production: World, key: Ed25519PrivateKey) -> None:
    forged = sign(Ed25519PrivateKey.generate(), policy.to_serve()) | {"signer": key_id(key.public_key())}
    await put_on_record(production, forged)
    kept = [leaf["fields"] for leaf in production.control.log.tail(0) if leaf["kind"] == "signoff"]
    assert kept == [forged]
    assert (await production.ask()).json()["error"]["code"] == "policy_unsigned"
    await put_on_record(production, sign(key, policy.to_serve()))
    for _ in range(3):  # nor do forged ones push out what counts
        await put_on_record(production, forged)
    assert (await production.ask()).status_code == 200


async def test_only_the_operators_admins_append_one(production: World, key: Ed25519PrivateKey) -> None:
    record = Entry.operational(Kind.signoff, sign(key, policy.to_serve()), actor="operator").to_json()
    for who in (production.key("eve", Role.ADMIN, tenant="school"), production.key("rob", Role.REVIEWER)):
        headers = {"authorization": f"Bearer {who}"}
        done = await production.http.post("/v1/audit/records", json={"records": [record]}, headers=headers)
        assert done.status_code == 403


async def test_a_laptop_answers_unsigned_and_says_so(world: World) -> None:
    assert (await world.ask()).status_code == 200
    ready = (await world.http.get("/readyz")).json()
    assert (ready["status"], ready["policy_signed"]) == ("ready", False)


async def test_new_terms_are_accepted_anew(world: World, tmp_path: Path) -> None:
    newer = tmp_path / "terms.md"
    newer.write_text(TERMS.read_text().replace("# Terms of Use", "# Terms of Use, again"))
    terms = Terms.load(newer)
    world.tutor = dataclasses.replace(world.tutor, terms=terms)
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(world.app()), base_url="http://test", headers=world.http.headers
    ) as http:
        body = {"model": "tiny", "messages": [{"role": "user", "content": "What is a nonce?"}]}
        asked = await http.post("/v1/chat/completions", json=body)
        assert (asked.status_code, asked.json()["error"]["code"]) == (403, "terms_not_accepted")
        assert terms.digest in asked.json()["error"]["message"]
        assert (await http.post("/v1/terms", json={"digest": world.terms.digest})).status_code == 400
        assert (await http.post("/v1/terms", json={"digest": terms.digest})).status_code == 200
        assert (await http.post("/v1/chat/completions", json=body)).status_code == 200
    accepted = [leaf["fields"] for leaf in world.control.log.tail(0) if leaf["kind"] == "terms"]
    assert [one["terms_digest"] for one in accepted] == [world.terms.digest, terms.digest]


def test_production_does_not_start_without_the_public_key(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("RAY_AUTH_MODE", "token")
    with pytest.raises(UnsafeEnvironment, match="PRECEPTOR_SIGNOFF_KEY"):
        require_safe_environment(Settings(mode="production"))
    monkeypatch.setenv("PRECEPTOR_SIGNOFF_KEY", "signoff.pub")
    monkeypatch.chdir(tmp_path)
    settings = from_environment(mode="production")
    assert settings.signoff_key == tmp_path / "signoff.pub"
    require_safe_environment(settings)
    assert "app.policy keygen" in (doctor.signoff(settings) or "")  # the file is not there
    policy.keygen(tmp_path / "signoff")
    assert doctor.signoff(settings) is None


def test_the_last_two_signoffs_count() -> None:
    key = Ed25519PrivateKey.generate()
    one, two, three = (dataclasses.replace(DIGESTS, policy=letter * 64) for letter in "abc")
    signoffs = Signoffs(key.public_key())
    for digests in (one, two, three):
        signoffs.apply(leaf(sign(key, digests)))
    assert [signoffs.cover(digests) for digests in (one, two, three)] == [False, True, True]
    signoffs.apply(leaf(sign(key, three)))  # signed twice: there is no way back
    assert [signoffs.cover(digests) for digests in (two, three)] == [False, True]


@pytest.mark.parametrize(
    "change",
    [
        {"policy_digest": "9" * 64},
        {"signer": "0" * 16},
        {"signature": "c2lnbmVk"},
        {"signature": "?"},
        {"signature": "é"},
    ],
)
def test_a_changed_field_voids_the_signature(key: Ed25519PrivateKey, change: dict[str, str]) -> None:
    fields = sign(key, DIGESTS)
    assert is_signed_by(key.public_key(), fields)
    assert not is_signed_by(key.public_key(), fields | change)
    signoffs = Signoffs(key.public_key())
    signoffs.apply(leaf(fields | change))
    assert not signoffs.cover(DIGESTS)


def test_the_commands_of_the_document_are_those_of_the_program() -> None:
    commands = re.findall(r"`python -m app\.policy ([^`]+)`", PAGE)
    assert {command.split()[0] for command in commands} == {"keygen", "sign", "status"}
    for command in commands:
        policy._parser().parse_args(shlex.split(command))


def test_the_signed_bytes_are_those_of_the_document() -> None:
    shape = PAGE.split("```text\n")[1].split("```")[0]
    filled = shape
    for name, digest in DIGESTS.fields().items():
        filled = filled.replace(f"<{name}>", digest)
    assert filled.encode() == DIGESTS.message()


def test_keygen_makes_a_private_pair_and_replaces_none(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert policy.main(["keygen", "--out", str(tmp_path / "signoff")]) == 0
    private, public = tmp_path / "signoff.key", tmp_path / "signoff.pub"
    assert stat.S_IMODE(private.stat().st_mode) == 0o600
    key = load_private(private)
    assert key_id(key.public_key()) == key_id(load_public(public)) == capsys.readouterr().out.strip()
    before = private.read_bytes()
    assert policy.main(["keygen", "--out", str(tmp_path / "signoff")]) == 2
    assert private.read_bytes() == before


def test_a_key_that_others_may_read_or_of_another_kind_signs_nothing(tmp_path: Path) -> None:
    policy.keygen(tmp_path / "signoff")
    (tmp_path / "signoff.key").chmod(0o640)
    with pytest.raises(BadKeys):
        load_private(tmp_path / "signoff.key")
    (tmp_path / "wrong.key").write_text("no key")
    (tmp_path / "wrong.key").chmod(0o600)
    for load in (load_private, load_public):
        with pytest.raises(BadSignoffKey):
            load(tmp_path / "wrong.key")


@pytest.mark.skipif(shutil.which("openssl") is None, reason="no openssl on this machine")
def test_openssl_verifies_a_signature(tmp_path: Path) -> None:
    policy.keygen(tmp_path / "signoff")
    fields = sign(load_private(tmp_path / "signoff.key"), DIGESTS)
    (tmp_path / "message").write_bytes(DIGESTS.message())
    (tmp_path / "signature").write_bytes(base64.b64decode(fields["signature"]))
    files = ["-inkey", tmp_path / "signoff.pub", "-in", tmp_path / "message", "-sigfile", tmp_path / "signature"]
    subprocess.run(["openssl", "pkeyutl", "-verify", "-pubin", "-rawin", *files], check=True, capture_output=True)


async def test_sign_and_status_by_command(
    production: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    policy.keygen(tmp_path / "signoff")
    key = load_private(tmp_path / "signoff.key")
    production.view.state.signoffs = Signoffs(key.public_key())
    monkeypatch.setenv("PRECEPTOR_HOME", str(production.root.parent))
    monkeypatch.setenv("PRECEPTOR_SIGNOFF_KEY", str(tmp_path / "signoff.pub"))
    await production.tutor.rulebook.change(None)
    await put_on_record(production, sign(Ed25519PrivateKey.generate(), policy.to_serve()))
    assert await off_loop(policy.main, ["status"]) == 1
    said = capsys.readouterr().out
    assert "NOT signed" in said
    assert "not valid: policy" in said
    async with serving(production.app()) as url:
        signing = ["sign", "--key", str(tmp_path / "signoff.key"), "--url", url]
        monkeypatch.setenv("PRECEPTOR_API_KEY", production.key())  # a learner may not
        assert await off_loop(policy.main, signing) == 1
        monkeypatch.setenv("PRECEPTOR_ADMIN_KEY", production.key("root", Role.ADMIN))
        assert await off_loop(policy.main, signing) == 0
    assert "c2sp.org/tlog-proof" in capsys.readouterr().out
    await production.view.refresh()
    assert (await production.ask()).status_code == 200
    assert await off_loop(policy.main, ["status"]) == 0
    said = capsys.readouterr().out
    assert f"by {key_id(key.public_key())}" in said
    assert f"in force: {policy.to_serve()}" in said


def test_thresholds_of_an_emergency_are_signed_beforehand(tmp_path: Path) -> None:
    (tmp_path / "new.yaml").write_text("override: {threshold: 0.9}\n")
    assert policy.to_serve(tmp_path / "new.yaml").policy == Policy.load().overridden(CHANGES).digest
    assert policy.to_serve().policy == Policy.load().file_digest


def test_wrong_usage_and_an_unreachable_server_are_told_apart(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    policy.keygen(tmp_path / "signoff")
    arguments = ["sign", "--key", str(tmp_path / "signoff.key"), "--url", "http://127.0.0.1:9"]
    assert policy.main(arguments) == 1
    assert policy.main([*arguments, "--thresholds", str(tmp_path / "none.yaml")]) == 2
    monkeypatch.setenv("PRECEPTOR_HOME", str(tmp_path / "nowhere"))
    assert policy.main(["status"]) == 2
