"""An issuer at which people sign in: OpenID Connect's code flow, strict in what it takes. Faults can be turned on."""

import base64
import hashlib
import json
import secrets
import time
from dataclasses import dataclass, field
from html import escape
from typing import Any
from urllib.parse import parse_qs, unquote_plus, urlencode, urlsplit

from tests.unit.app.issuing import Answer, Asked, IdP

CLIENT = "preceptor-page"
SECRET = "a client's secret: with % and é"


def error(code: str) -> Answer:
    return 400, {"Content-Type": "application/json"}, json.dumps({"error": code}).encode()


@dataclass
class Provider(IdP):
    """`asks`: shows a page of its own before it sends anybody back, as a real one does."""

    back: str = ""
    secret: str | None = SECRET
    asks: bool = False
    ways: list[str] | None = None  # token_endpoint_auth_methods_supported
    names_itself: bool = True  # `iss` in its answers
    refuses: str | None = None  # an error instead of a code
    wrong: dict[str, Any] = field(default_factory=dict)  # claims of the ID token
    access: dict[str, Any] = field(default_factory=dict)  # claims of the access token
    bearer: str = "Bearer"
    padding: int = 0  # bytes more in the token reply
    token_delay_s: float = 0.0
    token_status: int = 200
    reply: bytes | None = None
    codes: dict[str, dict[str, str]] = field(default_factory=dict)

    def answer(self, asked: Asked) -> Answer:
        path, given = urlsplit(asked.path).path, parse_qs(urlsplit(asked.path).query)
        one = {name: values[0] for name, values in given.items() if len(values) == 1}
        if path == "/.well-known/openid-configuration" and path not in self.pages:
            return self.status, {}, json.dumps(self.configuration()).encode()
        if path == "/authorize":
            return self.authorize(one)
        if path == "/approve":
            return self.approve(one)
        return self.token_reply(asked) if path == "/token" else super().answer(asked)

    def configuration(self) -> dict[str, Any]:
        told = {"issuer": self.url, "jwks_uri": f"{self.url}/jwks", "token_endpoint": f"{self.url}/token"}
        told |= {"authorization_endpoint": f"{self.url}/authorize?realm=uni"}
        ways = {} if self.ways is None else {"token_endpoint_auth_methods_supported": self.ways}
        return told | ways | {"authorization_response_iss_parameter_supported": self.names_itself}

    def authorize(self, asked: dict[str, str]) -> Answer:
        """RFC 6749, section 4.1.1; where the request is not ours, nobody is sent anywhere."""
        expected = {"response_type": "code", "client_id": CLIENT, "redirect_uri": self.back, "realm": "uni",
                    "scope": "openid", "code_challenge_method": "S256"}  # fmt: skip
        if {name: asked.get(name) for name in expected} != expected or len(asked) != len(expected) + 3:
            return error("invalid_request")
        if not self.asks:
            return self.approve(asked)
        links = f'<a id="yes" href="/approve?{escape(urlencode(asked))}">Yes, I am ada</a>'
        links += f' <a id="no" href="/approve?{escape(urlencode(asked | {"refuse": "access_denied"}))}">No</a>'
        return 200, {"Content-Type": "text/html"}, f"<!doctype html><title>Issuer</title>{links}".encode()

    def approve(self, asked: dict[str, str]) -> Answer:
        told = {"state": asked["state"]} | ({"iss": self.url} if self.names_itself else {})
        refused = asked.get("refuse", self.refuses)
        code = secrets.token_urlsafe(16)
        self.codes[code] = asked
        told |= {"error": refused} if refused else {"code": code}
        return 302, {"Location": f"{self.back}?{urlencode(told)}"}, b""

    def token_reply(self, asked: Asked) -> Answer:
        """RFC 6749, section 4.1.3 and RFC 7636, section 4.6: a code counts once, for its verifier and client."""
        time.sleep(self.token_delay_s)
        if self.token_status != 200:
            return self.token_status, {}, b"{}"
        if self.reply is not None:
            return 200, {}, self.reply
        form = {name: values[0] for name, values in parse_qs(asked.body.decode()).items()}
        if not self.knows(asked.authorization, form):
            return error("invalid_client")
        about = self.codes.pop(form.get("code", ""), None)
        hashed = hashlib.sha256(form.get("code_verifier", "").encode()).digest()
        challenge = base64.urlsafe_b64encode(hashed).rstrip(b"=").decode()
        if about is None or about["code_challenge"] != challenge or form.get("redirect_uri") != self.back:
            return error("invalid_grant")
        return 200, {"Content-Type": "application/json"}, json.dumps(self.tokens(about["nonce"])).encode()

    def knows(self, authorization: str | None, form: dict[str, str]) -> bool:
        """Whether the client is ours, in the one way that is asked for."""
        if self.secret is None:
            return authorization is None and form.get("client_id") == CLIENT
        if self.ways == ["client_secret_post"]:
            return (form.get("client_id"), form.get("client_secret"), authorization) == (CLIENT, self.secret, None)
        pair = base64.b64decode((authorization or "Basic ").removeprefix("Basic ")).decode().split(":")
        return [unquote_plus(part) for part in pair] == [CLIENT, self.secret]

    def tokens(self, nonce: str) -> dict[str, Any]:
        identity = self.token(**{"aud": CLIENT, "nonce": nonce} | self.wrong)
        told = {"token_type": self.bearer, "id_token": identity, "access_token": self.token(**self.access)}
        return told | ({"more": "x" * self.padding} if self.padding else {})
