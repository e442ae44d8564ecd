"""A real log with exchanges, reviews and findings, and the files that train.feedback makes of it."""

import json
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pyarrow as pa

from audit import confined, init
from audit.keys import SubjectKeys
from audit.opener import Opener
from audit.reading import read_root
from audit.record import Entry, Kind
from audit.sandbox import Request, files_of
from tests.unit.audit.conftest import World
from train.learning.building import Wanted, build
from train.learning.heads import heads

A, B, C = "a" * 64, "b" * 64, "c" * 64
PEOPLE = frozenset({"human", "import"})
SCORE = {"score_ppm": 900_000}
STOPPED = {"category": "harmful_operational"} | SCORE


def prompt(*turns: str) -> str:
    """A conversation as the Gateway logs it; every second turn is the assistant's."""
    roles = ("user", "assistant")
    return json.dumps({"messages": [{"role": roles[i % 2], "content": text} for i, text in enumerate(turns)]})


@dataclass
class School:
    """A root below `home` to which a test adds records."""

    home: Path
    world: World = field(init=False)
    count: int = 0

    def __post_init__(self) -> None:
        self.home.mkdir(parents=True, exist_ok=True)
        init.begin(self.home / "audit", self.home / "keys", "test", 1)
        self.world = World(self.home)
        self.exchange, self.control = self.world.open(), self.world.open("control")

    @property
    def root(self) -> Path:
        return self.world.root

    @property
    def out(self) -> Path:
        return self.home / "feedback"

    def put(self, log: Any, entries: list[Entry]) -> None:
        results = log.append(entries)
        assert not [result for result in results if isinstance(result, Exception)], results

    def asked(self, name: str, *turns: str, who: str = "ada", action: str = "ALLOW", shown: str = "") -> None:
        """An exchange that was answered, taught or refused with what was shown."""
        judged = {"action": action} | (STOPPED if action != "ALLOW" else {"category": None, "score_ppm": 1000})
        request = self.world.request(name, prompt(*turns), **judged)
        if action == "ALLOW":
            rest = [self.world.window(name, 0, shown), self.world.answer(name, 1, shown)] if shown else []
        else:
            kind, lesson = (Kind.refusal, None) if action == "REFUSE" else (Kind.lesson, "authorised-testing")
            rest = [Entry(kind, name, 1, "school", "ada", judged | {"lesson": lesson}, shown or "No.")]
        self.put(self.exchange, [replace(entry, subject=who) for entry in (request, *rest)])

    def said(self, kind: Kind, **fields: Any) -> str:
        self.count += 1
        name = f"{kind.value}-{self.count}"
        self.put(self.control, [Entry(kind, name, 0, "school", "", fields, actor="test")])
        return name

    def label(self, about: str, reviewer: str, label: str, expected: str, means: str = "human") -> str:
        return self.said(
            Kind.review, about=about, decision="label", label=label, expected=expected, reviewer=reviewer, means=means
        )

    def agreed(self, about: str, label: str, expected: str, means: str = "human") -> list[str]:
        return [self.label(about, reviewer, label, expected, means) for reviewer in (A, B)]

    def decided(self, about: str, decision: str, label: str, expected: str, means: str = "human") -> str:
        return self.said(
            Kind.review, about=about, decision=decision, label=label, expected=expected, reviewer=C, means=means
        )

    def found(self, about: str, attack: str, outcome: str, seed: str | None = None, **more: Any) -> str:
        fields = {"campaign": "c", "attack": attack, "outcome": outcome, "about": about, "seed": seed} | more
        return self.said(Kind.finding, **({"source": "tool", "expected": "REFUSE", "category": "harmful"} | fields))

    def appealed(self, about: str) -> str:
        return self.said(Kind.appeal, about=about)

    def alerted(self) -> str:
        return self.said(Kind.alert, rule="stale", severity="warning")

    def ask(self, sql: str) -> list[dict[str, Any]]:
        """Rows of a SELECT with texts opened; the sandbox's own code, in this process."""
        keys = self.home / "keys"
        request = Request(sql, files_of(read_root(self.root)), str(keys))
        database = confined.connect(request, Opener(SubjectKeys.load(keys)))
        with pa.ipc.open_stream(confined.select(database, sql)) as reader:
            return reader.read_all().to_pylist()

    def build(self, means: frozenset[str] = PEOPLE) -> dict[str, Any]:
        return build(Wanted(self.ask, heads(self.root), self.out, means), lambda _: None)

    def lines(self, name: str) -> list[dict[str, Any]]:
        return [json.loads(line) for line in (self.out / name).read_text().split("\n") if line]

    def files(self) -> dict[str, bytes]:
        return {path.name: path.read_bytes() for path in self.out.iterdir()}
