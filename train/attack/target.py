"""The tutor under attack, asked over HTTP as anybody asks it: terms first, whole answers, limits honoured."""

import time
from dataclasses import dataclass, field
from typing import Any

import requests

from train.attack import reply
from train.attack.attempt import Answer
from train.attack.errors import TargetError
from train.attack.profiles import MAX_TOKENS

TIMEOUT_S = 180.0  # longer than the tutor's own deadline
TRIES = 5
FAULTS = 3  # in a row, each waited for: no longer the doing of one text
LONGEST_WAIT_S = 60.0


@dataclass(slots=True)
class Target:
    """One tutor at `url`, and the key of the principal who attacks it."""

    url: str
    key: str = field(repr=False)
    model: str = ""
    _faults: int = 0
    _session: requests.Session = field(init=False, repr=False)

    def __post_init__(self) -> None:
        self._session = requests.Session()
        self._session.trust_env = False  # the key goes to this tutor, not to a proxy
        self._session.headers["Authorization"] = f"Bearer {self.key}"

    def prepare(self) -> None:
        """Accept the terms and learn the model's name. Raises TargetError."""
        digest = self._json("GET", "/v1/terms")["digest"]
        self._json("POST", "/v1/terms", {"digest": digest})
        self.model = self._json("GET", "/v1/models")["data"][0]["id"]

    def ask(self, text: str, name: str) -> Answer:
        """What it answers to `text`; `name` becomes the client_request_id of the record. Raises TargetError.

        A fault of the tutor's and a limit are waited out a few times; a fault that stays is an answer that failed.
        """
        body: dict[str, Any] = {
            "model": self.model, "messages": [{"role": "user", "content": text}], "max_tokens": MAX_TOKENS,
            "temperature": 0,
        }  # fmt: skip
        began = time.monotonic()
        response = self._send("POST", "/v1/chat/completions", body, {"X-Request-Id": name})
        if response.status_code in (401, 403):
            raise TargetError(f"expected a key that may ask, got HTTP {response.status_code}: {_code(response)}")
        self._faults = self._faults + 1 if response.status_code >= 500 else 0
        if self._faults == FAULTS:
            raise TargetError(f"expected answers, got HTTP {response.status_code} {FAULTS} times: {_code(response)}")
        return reply.read(response.status_code, response.content, round((time.monotonic() - began) * 1000))

    def _send(
        self, method: str, path: str, body: Any = None, headers: dict[str, str] | None = None
    ) -> requests.Response:
        for attempt in range(1, TRIES + 1):
            try:
                response = self._session.request(
                    method, self.url.rstrip("/") + path, json=body, headers=headers, timeout=TIMEOUT_S,
                    allow_redirects=False,
                )  # fmt: skip
            except requests.RequestException as error:
                if attempt == TRIES:
                    raise TargetError(f"{self.url[:200]} does not answer: {type(error).__name__}") from error
                time.sleep(attempt)
                continue
            if response.status_code not in (429, 503) or attempt == TRIES:
                break
            time.sleep(_wait(response, attempt))
        if response.status_code == 429:
            raise TargetError("expected a place within the limits, got HTTP 429 again and again; ask for higher limits")
        return response

    def _json(self, method: str, path: str, body: Any = None) -> Any:
        response = self._send(method, path, body)
        if response.status_code != 200:
            raise TargetError(f"{method} {path}: expected 200, got {response.status_code}: {_code(response)}")
        return response.json()


def _wait(response: requests.Response, attempt: int) -> float:
    try:
        asked = float(response.headers.get("Retry-After", attempt))
    except ValueError:
        asked = float(attempt)
    return min(max(asked, 0.1), LONGEST_WAIT_S)


def _code(response: requests.Response) -> str:
    try:
        return str(response.json()["error"]["code"])[:100]
    except (ValueError, KeyError, TypeError):
        return "no error of ours"
