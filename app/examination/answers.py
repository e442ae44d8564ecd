"""What the tutor answers to those it should refuse, and what stands before it."""

import socket
import ssl
import time
from typing import Any

import httpx

from app.examination.deployment import CannotTell, Deployment, is_outward

TIMEOUT_S = 10.0
STEERING = ("x-request-timeout-seconds", "x-request-disconnect-disabled", "x-session-id", "serve_multiplexed_model_id")
HEADERS = {"x-content-type-options": "nosniff"}
DAYS_LEFT = 14
TOO_MUCH = 4 * 1024 * 1024
CHAT = "/v1/chat/completions"


def needs_a_key(deployment: Deployment) -> str | None:
    """No key, no answer."""
    status = _ask(deployment, "GET", "/v1/models").status_code
    return None if status == 401 else f"/v1/models answers {status} without a key; expected 401"


def steering_headers(deployment: Deployment) -> str | None:
    """Headers that would steer Ray's proxy bring no answer: the tutor refuses them, unless an edge takes them out."""
    answers = {name: _ask(deployment, "GET", "/v1/models", {name: "1"}, key=True).status_code for name in STEERING}
    taken = [name for name, status in answers.items() if status not in (400, 408)]
    if deployment.encrypted or not taken:  # by https an edge is in front, and what it takes out cannot be seen here
        return None
    return f"{', '.join(taken)}: accepted from a client; only the tutor behind an edge that takes them out may do so"


def security_headers(deployment: Deployment) -> str | None:
    """Answers tell a browser not to guess types, and by https never to come back without it."""
    expected = HEADERS | ({"strict-transport-security": "max-age="} if deployment.encrypted else {})
    sent = _ask(deployment, "GET", "/healthz").headers
    missing = [name for name, value in expected.items() if value not in sent.get(name, "")]
    return f"missing: {', '.join(missing)}; see docs/threat-model.md" if missing else None


def size_bound(deployment: Deployment) -> str | None:
    """A body far over the limit is refused before it is read to its end."""
    headers = {"content-type": "application/json"}
    body = b" " * TOO_MUCH
    status = _ask(deployment, "POST", CHAT, headers, key=True, content=body).status_code
    return None if status == 413 else f"a body of 4 MiB brings {status}; expected 413"


def policy_signed(deployment: Deployment) -> str | None:
    """In production the policy in force is signed; a laptop's need not be."""
    if deployment.settings.mode != "production":
        return None
    try:
        told = _ask(deployment, "GET", "/readyz").json()
    except ValueError as error:
        raise CannotTell("/readyz does not answer JSON") from error
    return None if told.get("policy_signed") is True else "no: `python -m app.policy status` says why"


def encrypted(deployment: Deployment) -> str | None:
    """Plain HTTP stays on the loopback address; elsewhere TLS 1.2 or newer with a certificate that holds for weeks."""
    host, port = deployment.place
    if not deployment.encrypted:
        return _plain(deployment, host, port)
    context = ssl.create_default_context()
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    try:
        with (
            socket.create_connection((host, port), TIMEOUT_S) as raw,
            context.wrap_socket(raw, server_hostname=host) as wire,
        ):
            return _expiry(wire.getpeercert() or {})
    except ssl.SSLError as error:
        return f"TLS of {host}:{port} cannot be trusted: {error.reason or error}"
    except OSError as error:
        raise CannotTell(f"{host}:{port}: {error}") from error


def _plain(deployment: Deployment, host: str, port: int) -> str | None:
    names = {info[4][0] for info in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)}
    if any(is_outward(str(name)) for name in names):
        return f"{deployment.url} is plain HTTP beyond this machine; put TLS in front"
    reached = [address for address in deployment.outward if _reached(address, port)]
    return f"port {port} answers plain HTTP at {', '.join(reached)}; bind it to 127.0.0.1" if reached else None


def _expiry(certificate: dict[str, Any]) -> str | None:
    left = (ssl.cert_time_to_seconds(str(certificate["notAfter"])) - time.time()) / 86400
    return f"the certificate ends in {left:.0f} days; renew it" if left < DAYS_LEFT else None


def _reached(address: str, port: int) -> bool:
    try:
        with socket.create_connection((address, port), 1):
            return True
    except OSError:
        return False


def _ask(
    deployment: Deployment, method: str, path: str, headers: dict[str, str] | None = None, *, key: bool = False,
    content: bytes | None = None,
) -> httpx.Response:  # fmt: skip
    sent = (headers or {}) | ({"authorization": f"Bearer {deployment.key}"} if key else {})
    url = deployment.url.rstrip("/") + path
    trusted = ssl.create_default_context()  # what this host trusts, an organisation's own authority among it
    try:
        return httpx.request(
            method, url, headers=sent, content=content, timeout=TIMEOUT_S, trust_env=False, verify=trusted
        )
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise CannotTell(f"{url}: {type(error).__name__}") from error
