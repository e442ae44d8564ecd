"""Fetch what an issuer serves: bounded in time and size, by https, without following anybody elsewhere."""

import asyncio
import json
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import httpx

from app.identity.issuers import Issuer, is_safe_url
from app.identity.jwks import BadKeys

TIMEOUT_S = 3.0
MAX_BYTES = 256 * 1024
PLAIN = {"accept": "application/json", "accept-encoding": "identity"}  # nothing that could grow when unpacked


@dataclass(frozen=True, slots=True)
class KeySource:
    """Where an issuer's JWKS lies: as configured, or as OpenID Connect Discovery 1.0, section 4, finds it."""

    issuer: Issuer
    timeout_s: float = TIMEOUT_S

    async def __call__(self) -> bytes:
        """The JWKS as it was served; raises BadKeys, httpx.HTTPError, OSError (TimeoutError too)."""
        async with asking(self.issuer.jwks_url or self.issuer.issuer, self.timeout_s) as client:
            return await _get(client, self.issuer.jwks_url or await self._discovered(client))

    async def _discovered(self, client: httpx.AsyncClient) -> str:
        return endpoint(await configuration(client, self.issuer.issuer), "jwks_uri")


@asynccontextmanager
async def asking(url: str, timeout_s: float) -> AsyncIterator[httpx.AsyncClient]:
    """A client to ask whoever this URL names; whatever is done with it ends within `timeout_s`, by TimeoutError."""
    async with asyncio.timeout(timeout_s):
        far = url.startswith("https:")  # else it is on this machine
        trust = await asyncio.to_thread(ssl.create_default_context)  # reads the CA files
        async with httpx.AsyncClient(verify=trust, timeout=timeout_s, trust_env=far) as client:
            yield client


async def configuration(client: httpx.AsyncClient, issuer: str) -> dict[str, Any]:
    """The issuer's own, by OpenID Connect Discovery 1.0, section 4; raises as KeySource does."""
    raw = await _get(client, f"{issuer.rstrip('/')}/.well-known/openid-configuration")
    try:
        said = json.loads(raw)
        name = said["issuer"]
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise BadKeys("expected the issuer's configuration") from error
    if not isinstance(said, dict) or name != issuer:
        raise BadKeys("the configuration is another issuer's")
    return said


def endpoint(said: dict[str, Any], name: str) -> str:
    """A URL that the configuration names; raises BadKeys where it is none or not https."""
    url = said.get(name)
    if not isinstance(url, str) or not is_safe_url(url):
        raise BadKeys(f"expected {name} in the configuration, by https")
    return url


async def bounded(answer: httpx.Response, most: int = MAX_BYTES) -> bytes:
    """The body of a streamed answer; raises BadKeys where it is longer."""
    body = bytearray()
    async for part in answer.aiter_raw():
        body += part
        if len(body) > most:
            raise BadKeys(f"expected at most {most} bytes, came more")
    return bytes(body)


async def _get(client: httpx.AsyncClient, url: str) -> bytes:
    async with client.stream("GET", url, headers=PLAIN, follow_redirects=False) as answer:
        if answer.status_code != httpx.codes.OK:
            raise BadKeys(f"expected status 200, came {answer.status_code}")
        return await bounded(answer)
