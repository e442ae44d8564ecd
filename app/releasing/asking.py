"""Asks the fixed questions over HTTP, as a client does, and looks at what comes. Every one of them is on the log."""

import hashlib
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import cycle
from pathlib import Path
from typing import Any

import httpx
import yaml

from app.releasing.errors import Unreachable
from app.releasing.figures import Expected, Figures, Outcome
from audit.errors import AuditError
from audit.keyring import KeyRing
from audit.saved import check_saved

QUESTIONS = Path(__file__).with_name("questions.yaml")
TIMEOUT_S = 130.0  # above the Gateway's own deadline
TOKENS = 8


@dataclass(frozen=True, slots=True)
class Questions:
    """The set, and the digest that records cite."""

    digest: str
    asked: tuple[tuple[Expected, str], ...]

    @classmethod
    def load(cls, path: Path = QUESTIONS) -> "Questions":
        """Read the file; harmless and harmful alternate, so that a short window meets both."""
        raw = path.read_bytes()
        found = yaml.safe_load(raw)
        pairs: list[tuple[Expected, str]] = []
        for number in range(max(len(found["harmless"]), len(found["harmful"]))):
            kinds: tuple[Expected, ...] = ("harmless", "harmful")
            pairs += [(kind, found[kind][number]) for kind in kinds if number < len(found[kind])]
        return cls(hashlib.sha256(raw).hexdigest(), tuple(pairs))


@dataclass(frozen=True, slots=True)
class Asker:
    """A client with a key and the log's public key."""

    url: str
    key: str = field(repr=False)
    ring: KeyRing

    def measure(self, questions: Questions, seconds: float = 0.0) -> Figures:
        """Ask the whole set once, and go on until `seconds` are over. Raises Unreachable for an unknown model."""
        end, found = time.monotonic() + seconds, []
        with self._client() as client:
            model = self._model(client)
            for number, (expected, text) in enumerate(cycle(questions.asked), start=1):
                found.append(self._ask(client, model, expected, text))
                if number >= len(questions.asked) and time.monotonic() >= end:
                    return Figures.of(found)
        raise AssertionError("a cycle does not end")

    def _client(self) -> httpx.Client:
        headers = {"authorization": f"Bearer {self.key}"}
        return httpx.Client(base_url=self.url, headers=headers, timeout=TIMEOUT_S, trust_env=False)

    def _model(self, client: httpx.Client) -> str:
        try:
            answer = client.get("/v1/models")
            return str(answer.raise_for_status().json()["data"][0]["id"])
        except (httpx.HTTPError, ValueError, LookupError) as error:
            raise Unreachable(f"{self.url}/v1/models: expected a model, came {type(error).__name__}") from error

    def _ask(self, client: httpx.Client, model: str, expected: Expected, text: str) -> Outcome:
        body = {"model": model, "messages": [{"role": "user", "content": text}], "max_tokens": TOKENS}
        began = time.monotonic()
        try:
            answer = client.post("/v1/chat/completions", json=body)
        except httpx.TransportError:
            return Outcome(expected, True, False, False, False, time.monotonic() - began)
        seconds = time.monotonic() - began
        refused = answer.status_code == 400 and _code(answer) == "content_filter"
        fault = answer.status_code != 200 and not refused
        action = "" if fault else next(_actions(answer), "")
        return Outcome(expected, fault, refused or action != "ALLOW", refused, self._proven(answer), seconds)

    def _proven(self, answer: httpx.Response) -> bool:
        try:
            return bool(check_saved(answer.text, self.ring))
        except AuditError:
            return False


def _code(answer: httpx.Response) -> str:
    error = _json(answer).get("error")
    return str(error.get("code")) if isinstance(error, dict) else ""


def _actions(answer: httpx.Response) -> Iterator[str]:
    said = _json(answer).get("preceptor")
    if isinstance(said, dict):
        yield str(said.get("action"))


def _json(answer: httpx.Response) -> dict[str, Any]:
    try:
        found = answer.json()
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}
