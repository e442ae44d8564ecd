"""Identity on the running graph: a revocation reaches every replica within seconds; what is not ours is refused."""

import base64
import json
import time

import jwt

from tests.serve.conftest import Running

WITHIN_S = 5.0


def status(running: Running, key: str, **headers: str) -> tuple[int, str | None]:
    with running.client(key) as client:
        answer = client.get("/v1/models", headers=headers)
    return answer.status_code, answer.json().get("error", {}).get("code")


def seconds_until_refused(running: Running, key: str) -> float:
    """From now, which is when the command has returned."""
    since = time.monotonic()
    while status(running, key) != (401, "revoked_api_key"):
        assert time.monotonic() - since < 60
        time.sleep(0.2)
    return time.monotonic() - since


def test_a_revocation_by_subject_or_by_id_holds_within_seconds(running: Running) -> None:
    first, second = running.mint("leaver", "--tenant", "crowd"), running.mint("leaver", "--tenant", "crowd")
    namesake = running.mint("leaver")
    for key in (first, second, namesake):
        assert status(running, key) == (200, None)
    time.sleep(1)  # a key's `iat` counts whole seconds
    running.run("app.keys", "--url", running.url, "revoke", "--subject", "leaver", "--tenant", "crowd")
    assert seconds_until_refused(running, first) <= WITHIN_S
    assert status(running, second) == (401, "revoked_api_key")
    assert status(running, namesake) == (200, None)
    time.sleep(1)
    assert status(running, running.mint("leaver", "--tenant", "crowd")) == (200, None)
    jti = json.loads(base64.urlsafe_b64decode(namesake.split(".")[1] + "=="))["jti"]
    running.run("app.keys", "--url", running.url, "revoke", jti)
    assert seconds_until_refused(running, namesake) <= WITHIN_S
    listed = running.run("app.keys", "--url", running.url, "list").stdout
    assert sum("true" in line.lower() for line in listed.splitlines() if "crowd" in line) == 2


def test_tokens_of_others_and_headers_that_nobody_signed_are_refused(running: Running) -> None:
    now = int(time.time())
    claims = {"iss": "preceptor", "sub": "a", "tenant": "t", "role": "admin", "jti": "x", "iat": now, "exp": now + 60}
    unsigned = jwt.encode(claims, None, algorithm="none")
    shared = jwt.encode(claims, "a secret of at least thirty-two bytes", algorithm="HS256")
    for token in (unsigned, shared, "x" * 9000):
        assert status(running, token) == (401, "invalid_api_key")
    assert status(running, running.key, **{"x-openwebui-user-jwt": shared}) == (401, "invalid_api_key")
    assert status(running, running.key, **{"x-openwebui-user-id": "root"}) == (200, None)
