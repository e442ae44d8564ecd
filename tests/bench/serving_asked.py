"""What both sides of the serving bench are asked, and what is kept of their answers."""

import itertools
import os
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from tests.bench.load_figures import percentile

MODEL_CORE, OTHER_CORE = 0, 1
SEED = 1
QUESTIONS = (
    "What is a buffer overflow?", "How does TLS protect a connection?", "Why should passwords be salted?",
    "What does a web application firewall do?", "Explain the principle of least privilege.",
    "What is cross-site scripting and how is it prevented?", "How does two-factor authentication help?",
    "What is a zero-day vulnerability?", "What does a firewall do?", "How do prepared statements stop SQL injection?",
    "What is the difference between hashing and encryption?", "Why are software updates important?",
    "What is a certificate authority?", "How does a VPN work?", "What is phishing and how is it recognised?",
    "What does a sandbox protect against?",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer: seconds to its first window and to its end, and how many tokens it has."""

    question: int
    first_s: float
    total_s: float
    tokens: int


@dataclass(frozen=True, slots=True)
class Stretch:
    """So many streams at a time, until every question was answered once."""

    streams: int
    seconds: float
    answers: tuple[Answer, ...]
    failed: int = 0

    @property
    def tokens_per_s(self) -> float:
        """Of all streams together."""
        return sum(one.tokens for one in self.answers) / self.seconds

    def first_ms(self, percent: float) -> float:
        """A percentile of the time to the first window."""
        return (percentile([one.first_s for one in self.answers], percent) or 0.0) * 1000

    def to_json(self) -> dict[str, Any]:
        """As `from_json` reads it."""
        return asdict(self)

    @classmethod
    def from_json(cls, said: dict[str, Any]) -> "Stretch":
        """The stretch that `to_json` told."""
        answers = tuple(Answer(**one) for one in said["answers"])
        return cls(said["streams"], said["seconds"], answers, said["failed"])


def pin(process: int, core: int) -> None:
    """Keep a process, each of its threads and whatever they begin on one core."""
    for task in Path(f"/proc/{process}/task").iterdir():
        os.sched_setaffinity(int(task.name), {core})


def asked(count: int) -> Sequence[tuple[int, str]]:
    """So many questions by number, over again where there are more than QUESTIONS."""
    return list(enumerate(itertools.islice(itertools.cycle(QUESTIONS), count)))
