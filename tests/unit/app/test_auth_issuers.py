"""The file of issuers: what it may say, and that anything else keeps the Gateway from starting."""

from pathlib import Path

import pytest
import yaml

from app.auth import Role, TokenKey
from app.identity.identities import Identities
from app.identity.issuers import Trusted, is_safe_url
from app.settings import Settings, from_environment

GOOD = """
issuers:
  - issuer: https://id.example.org/realms/uni
    audience: preceptor
    tenant: uni
    algorithms: [RS256, EdDSA]
    roles: {7d3a: reviewer, 91bc: auditor}
  - {issuer: "http://127.0.0.1:9000", audience: a, tenant: lab, role: redteam, jwks_url: "http://[::1]:9000/k"}
openwebui: {secret_file: openwebui.secret, key_subject: open-webui, tenant: uni}
"""
ONE = "issuers: [{issuer: 'https://a.example', audience: a, tenant: t, %s}]"
BAD = {
    "no list": "issuers: 7",
    "not YAML": "issuers: [",
    "tenant lacks": "issuers: [{issuer: 'https://a.example', audience: a}]",
    "audience lacks": "issuers: [{issuer: 'https://a.example', tenant: a}]",
    "a shared secret": ONE % "algorithms: [HS256]",
    "no signature": ONE % "algorithms: [none]",
    "no algorithm": ONE % "algorithms: []",
    "an unknown role": ONE % "role: king",
    "a role of a claim": ONE % "role_claim: groups",
    "keys over http": ONE % "jwks_url: 'http://a.example/keys'",
    "keys in a file": ONE % "jwks_url: 'file:///etc/passwd'",
    "http": "issuers: [{issuer: 'http://a.example', audience: a, tenant: t}]",
    "our own name": "issuers: [{issuer: preceptor, audience: a, tenant: t}]",
    "twice": "issuers:\n" + "  - {issuer: 'https://a.example', audience: a, tenant: t}\n" * 2,
    "a tenant that all reviewers see": "issuers: [{issuer: 'https://a.example', audience: a, tenant: gold}]",
    "its people seen by all reviewers": "openwebui: {secret_file: x, key_subject: o, tenant: gold}",
    "a secret elsewhere": "openwebui: {secret_file: ../x, key_subject: o, tenant: t}",
}


def test_the_documented_file_is_one() -> None:
    page = (Path(__file__).resolve().parents[3] / "docs" / "identity.md").read_text()
    trusted = Trusted.model_validate(yaml.safe_load(page.split("```yaml")[1].split("```")[0]))
    assert (len(trusted.issuers), trusted.openwebui is not None) == (1, True)


def test_a_good_file_is_read(tmp_path: Path) -> None:
    (tmp_path / "issuers.yaml").write_text(GOOD)
    uni, lab = Trusted.load(tmp_path / "issuers.yaml").issuers
    assert (uni.role_of("7d3a"), uni.role_of("91bc"), uni.role_of("x")) == (Role.REVIEWER, Role.AUDITOR, Role.LEARNER)
    assert (lab.role_of("x"), lab.algorithms) == (Role.REDTEAM, ("RS256",))


@pytest.mark.parametrize("case", BAD)
def test_a_bad_file_is_named_and_nothing_starts(tmp_path: Path, case: str) -> None:
    path = tmp_path / "issuers.yaml"
    path.write_text(BAD[case])
    TokenKey.create(tmp_path / "keys")
    with pytest.raises(ValueError, match=r"issuers\.yaml: expected"):
        Identities.load(Settings(home=tmp_path, issuers=path))


def test_the_environment_names_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    TokenKey.create(tmp_path / "keys")
    assert Identities.load(Settings(home=tmp_path)).foreign == {}
    monkeypatch.setenv("PRECEPTOR_ISSUERS", "issuers.yaml")
    monkeypatch.chdir(tmp_path)
    settings = from_environment(home=tmp_path)
    assert settings.issuers == tmp_path / "issuers.yaml"
    with pytest.raises(FileNotFoundError):
        Identities.load(settings)
    (tmp_path / "issuers.yaml").write_text(GOOD.partition("openwebui")[0])
    assert sorted(Identities.load(settings).foreign) == ["http://127.0.0.1:9000", "https://id.example.org/realms/uni"]


@pytest.mark.parametrize(
    ("url", "safe"),
    [
        ("https://a.example/x", True), ("http://localhost:1/x", True), ("http://127.1.2.3/", True),
        ("http://a.example", False), ("http://127.0.0.1.a.example", False), ("https://u@a.example", False),
        ("https://a.example#x", False), ("https://a.example\\@b.example", False), ("https://", False),
        ("https://a|b.example", False), ("https://ä.example", False), ("https://a.example:x", False),
        ("ftp://a", False),
    ],
)  # fmt: skip
def test_urls(url: str, safe: bool) -> None:
    assert is_safe_url(url) is safe


@pytest.mark.parametrize("tenants", [{"a": []}, {"a": [3]}, {"a": [-1]}, {"a": [0], "b": [0]}, {"a": [0, 1], "b": [2]}])
def test_logs_of_tenants_are_apart_and_one_is_left_for_the_others(tenants: dict[str, list[int]]) -> None:
    with pytest.raises(ValueError, match="tenants: expected"):
        Settings(exchange_logs=3, tenants=tenants)
    assert Settings(exchange_logs=3, tenants={"a": [0], "b": [2]}).tenants["b"] == [2]
