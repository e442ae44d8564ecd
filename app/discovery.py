"""Fetch an issuer's keys: bounded in time and size, by https, without following anybody elsewhere."""

import asyncio
import json
import ssl
from dataclasses import dataclass

import httpx

from app.issuers import Issuer, is_safe_url
from app.jwks import BadKeys

TIMEOUT_S = 3.0
MAX_BYTES = 256 * 1024


@dataclass(frozen=True, slots=True)
class KeySource:
    """Where an issuer's JWKS lies: as configured, or as OpenID Connect Discovery 1.0, section 4, finds it."""

    issuer: Issuer
    timeout_s: float = TIMEOUT_S

    async def __call__(self) -> bytes:
        """The JWKS as it was served; raises BadKeys, httpx.HTTPError, OSError (TimeoutError too)."""
        async with asyncio.timeout(self.timeout_s):
            far = (self.issuer.jwks_url or self.issuer.issuer).startswith("https:")  # else it is on this machine
            trust = await asyncio.to_thread(ssl.create_default_context)  # reads the CA files
            async with httpx.AsyncClient(verify=trust, timeout=self.timeout_s, trust_env=far) as client:
                return await _get(client, self.issuer.jwks_url or await self._discovered(client))

    async def _discovered(self, client: httpx.AsyncClient) -> str:
        raw = await _get(client, f"{self.issuer.issuer.rstrip('/')}/.well-known/openid-configuration")
        try:
            said = json.loads(raw)
            name, url = said["issuer"], said["jwks_uri"]
        except (ValueError, KeyError, TypeError, RecursionError) as error:
            raise BadKeys("expected the issuer's configuration with issuer and jwks_uri") from error
        if name != self.issuer.issuer or not isinstance(url, str) or not is_safe_url(url):
            raise BadKeys("the configuration is another issuer's, or its jwks_uri is not https")
        return url


async def _get(client: httpx.AsyncClient, url: str) -> bytes:
    headers = {"accept": "application/json", "accept-encoding": "identity"}  # nothing that could grow when unpacked
    async with client.stream("GET", url, headers=headers, follow_redirects=False) as answer:
        if answer.status_code != httpx.codes.OK:
            raise BadKeys(f"expected status 200, came {answer.status_code}")
        body = bytearray()
        async for part in answer.aiter_raw():
            body += part
            if len(body) > MAX_BYTES:
                raise BadKeys(f"expected at most {MAX_BYTES} bytes, came more")
    return bytes(body)
