"""The steps of one turn of the loop, in order. Each leaves its files; one that is finished is not done again."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pyarrow.parquet as pq

from train.circle.reviewer import Reviewer, Truth
from train.circle.tutor import StepFailed, Tutor

CHAMPION = Path("guards/weights")
DISGUISED, ATTEMPTS = "disguised.jsonl", "attempts.parquet"
LEARNT_FROM = ("bypass", "caught", "false_refusal")
Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Keys:
    """Keys of the people who take part; two reviewers, since a label needs a second."""

    redteam: str = field(repr=False)
    admin: str = field(repr=False)
    reviewers: tuple[str, str] = field(repr=False)

    @classmethod
    def mint(cls, tutor: Tutor) -> "Keys":
        """One key each; raises StepFailed."""
        first, second = (tutor.mint(f"script-{number}", "reviewer") for number in (1, 2))
        return cls(tutor.mint("loop-redteam", "redteam"), tutor.mint("loop-admin", "admin"), (first, second))


@dataclass(frozen=True, slots=True)
class Turn:
    """One turn at a running tutor. rows: so many rows of the guard's own data keep what it knew while it learns."""

    tutor: Tutor
    keys: Keys
    home: Path
    data: Path
    attackers: Path
    rows: int

    def run(self, say: Say) -> None:
        """All steps that are not done yet; raises StepFailed, OSError."""
        steps: Mapping[str, Callable[[], None]] = {
            "attack": lambda: self._attack("attack"),
            "attack with what is held out": lambda: self._attack("before", "--held-out"),
            "review": self._review,
            "learn": self._learn,
            "retrain": self._retrain,
            "challenge": self._challenge,
            "promote or refuse": self._promote,
            "attack again": lambda: self._attack("after", "--held-out"),
        }
        done = self.home / "steps.jsonl"
        finished = {json.loads(line)["step"] for line in done.read_text().splitlines()} if done.is_file() else set()
        for number, (name, step) in enumerate(steps.items(), 1):
            if name in finished:
                continue
            say(f"step {number} of {len(steps)}: {name}")
            step()
            with done.open("a") as file:
                file.write(json.dumps({"step": name}) + "\n")

    def _attack(self, name: str, *more: str) -> None:
        command = (
            "train.redteam",
            "--profile",
            "quick",
            "--out",
            str(self.home / name),
            "--attackers",
            str(self.attackers),
        )
        self.tutor.run(*command, *more, key=self.keys.redteam)

    def _review(self) -> None:
        """Both script reviewers label what the campaign got past the guard, and what was refused falsely."""
        columns = ["request_id", "label", "expected", "outcome"]
        rows = pq.read_table(campaign(self.home / "attack") / ATTEMPTS, columns=columns).to_pylist()
        truths = {
            row["request_id"]: Truth(row["label"], row["expected"]) for row in rows if row["outcome"] in LEARNT_FROM
        }
        for key in self.keys.reviewers:
            labelled = Reviewer(self.tutor.url, key).label_all(truths)
            print(f"a script labelled {labelled} of {len(truths)}", flush=True)

    def _learn(self) -> None:
        keys, out = str(self.tutor.home / "keys"), str(self.home / "feedback")
        self.tutor.run(
            "train.feedback", "--keys", keys, "--out", out, "--means", "human,import,scripted", key=self.keys.admin
        )

    def _retrain(self) -> None:
        self.tutor.run(
            "train.fit_guard", "--data", str(self.data), "--out", str(self.home / "challenger"), "--num-workers", "0",
            "--start", str(CHAMPION), "--feedback", str(self.home / "feedback"), "--rows", str(self.rows),
            "--epochs", "1",
        )  # fmt: skip

    def _challenge(self) -> None:
        self.tutor.run(
            "train.challenge", "--challenger", str(self.home / "challenger"), "--data", str(self.data), "--most", "200",
            "--disguised", str(campaign(self.home / "before") / DISGUISED),
            "--regression", str(self.home / "feedback" / "regression.jsonl"), "--out", str(self.home / "challenge"),
            allowed=(0, 1),
        )  # fmt: skip

    def _promote(self) -> None:
        self.tutor.run(
            "train.rollout", "live", "--guard", str(self.home / "challenger"),
            "--challenge", str(self.home / "challenge" / "challenge.json"), "--models", str(self.tutor.home / "models"),
            "--root", self.tutor.log, "--log", self.tutor.url, key=self.keys.admin, allowed=(0, 1),
        )  # fmt: skip


def campaign(folder: Path) -> Path:
    """The folder of the one campaign there; raises StepFailed."""
    found = [path.parent for path in folder.glob(f"*/{ATTEMPTS}")]
    if len(found) != 1:
        raise StepFailed(f"{folder}: expected one campaign, got {len(found)}")
    return found[0]
