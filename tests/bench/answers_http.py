"""The tutor as a learner's client sees it, and the journal of what it said, so that a run that was cut off goes on."""

import hashlib
import json
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import httpx

PATIENCE = 8  # times that a question is asked when the tutor says later
AT_MOST_S = 60.0  # between two of them
TIMEOUT_S = 300.0


class NoAnswer(Exception):
    """The tutor could not be asked, or had no room for too long."""


@dataclass(frozen=True, slots=True)
class Reply:
    """What came back. about: the `preceptor` object; ms: until the whole answer was here, waits for room left out."""

    status: int
    text: str
    finish: str
    about: Mapping[str, Any] = field(default_factory=dict)
    ms: float = 0.0
    tokens: int = 0

    @property
    def by(self) -> str:
        """Who answered: graph, model (with records), alone (the model without any), stopped, taught, refused, fault."""
        action = self.about.get("action")
        if self.status >= 500 or self.about.get("cause") == "fault":
            return "fault"
        if action == "REFUSE" or self.status >= 400:
            return "refused"
        if action == "TEACH":
            return "taught"
        if self.finish == "content_filter":
            return "stopped"
        by = (self.about.get("knowledge") or {}).get("by")
        return {"graph": "graph", "model": "model"}.get(str(by), "alone")

    @property
    def sources(self) -> frozenset[str]:
        """The ids of the records that the answer says it rests on."""
        return frozenset(str(each["id"]) for each in self.about.get("sources") or ())

    @property
    def verdict(self) -> tuple[str, str]:
        """Action and category: what may not change because of a record."""
        found = self.about.get("verdict") or {}
        return str(self.about.get("action")), str(found.get("category"))


class TutorClient:
    """Asks one question after the other over HTTP."""

    def __init__(self, url: str, key: str) -> None:
        headers = {"authorization": f"Bearer {key}"}
        self._http = httpx.Client(base_url=url, headers=headers, timeout=TIMEOUT_S, trust_env=False)
        self._model = ""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._http.close()

    def ready(self) -> dict[str, Any]:
        """What /readyz says. Raises NoAnswer."""
        try:
            found: dict[str, Any] = self._http.get("/readyz").raise_for_status().json()
        except (httpx.HTTPError, ValueError) as error:
            raise NoAnswer(f"expected a tutor that is ready, got {error!r}") from error
        self._model = str(found["model"])
        return found

    def ask(self, text: str, tokens: int) -> Reply:
        """One question in a conversation of its own. Raises NoAnswer when the tutor says later too often."""
        body = {"model": self._model, "messages": [{"role": "user", "content": text}], "max_tokens": tokens, "seed": 1}
        for turn in range(PATIENCE):
            began = time.perf_counter()
            try:
                answer = self._http.post("/v1/chat/completions", json=body)
            except httpx.HTTPError as error:
                raise NoAnswer(f"expected an answer, got {error!r}") from error
            if answer.status_code not in {429, 503}:
                return _reply(answer, (time.perf_counter() - began) * 1000)
            time.sleep(min(float(answer.headers.get("retry-after", 2**turn)), AT_MOST_S))
        raise NoAnswer(f"expected an answer, got {answer.status_code} {PATIENCE} times: {answer.text[:200]}")


def _reply(answer: httpx.Response, ms: float) -> Reply:
    found = answer.json()
    if "choices" not in found:
        error = found["error"]
        return Reply(answer.status_code, error["message"], "", error.get("preceptor") or {}, ms)
    choice = found["choices"][0]
    text, tokens = choice["message"]["content"] or "", found["usage"]["completion_tokens"]
    return Reply(answer.status_code, text, choice["finish_reason"], found["preceptor"], ms, tokens)


class Journal:
    """Replies by run, group and question, one JSON line each. A run is named by the pack that was answered from."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._path = path
        lines = path.read_text().splitlines() if path.exists() else []
        self._held = {step["key"]: Reply(**step["reply"]) for step in map(json.loads, lines)}

    def of(self, run: str, asks: Iterable[tuple[str, str]]) -> Iterator[Reply | None]:
        """What is held for these pairs of group and question; None for each that was not asked yet."""
        return (self._held.get(_key(run, *ask)) for ask in asks)

    def add(self, run: str, group: str, question: str, reply: Reply) -> None:
        """Keep one reply."""
        key = _key(run, group, question)
        self._held[key] = reply
        step = {"key": key, "run": run, "group": group, "question": question, "reply": asdict(reply)}
        with self._path.open("a") as file:
            file.write(json.dumps(step, ensure_ascii=False) + "\n")


def _key(*parts: str) -> str:
    return hashlib.sha256("\x1f".join(parts).encode()).hexdigest()[:32]
