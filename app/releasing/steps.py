"""The steps of a release: measure, deploy, measure, keep or take back. Users are served all the while."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import httpx

from app.releasing.asking import Asker, Questions
from app.releasing.config import Config, digest, with_thresholds
from app.releasing.errors import Declined, Unreachable
from app.releasing.figures import Bounds, worse
from app.releasing.history import History, Line
from app.releasing.records import Journal
from app.releasing.serve import Serve
from guards.policy import Policy

POLICY_WAIT_S = 240.0  # so that, taking back included, an emergency is over within five minutes
READY_TIMEOUT_S = 5.0
UNSIGNED = "policy_unsigned"  # as /readyz says it
STEADY = 3  # answers in a row that must name the new policy: replicas answer by turns
Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Release:
    """What a release needs: Serve, a client, the control log, the history."""

    serve: Serve
    asker: Asker
    journal: Journal
    history: History
    say: Say

    def deploy(self, new: Config, questions: Questions, window_s: float, bounds: Bounds) -> None:
        """Put `new` in force and keep it if it is no worse; else what ran before is back. Raises Declined."""
        old = self.serve.running()
        before = self.asker.measure(questions)
        self.say(f"before: {before.metrics()}")
        change = self._begin("deploy", old, new)
        try:
            self.serve.change(new, self.say)
            after = self.asker.measure(questions, window_s)
            self.say(f"after: {after.metrics()}")
            if reasons := worse(before, after, bounds):
                raise Declined("; ".join(reasons))
        except BaseException as failure:  # an interrupt too must leave the old graph in force
            self._take_back("deploy", change, old, failure)
            raise
        self.journal.gate(change[1], questions.digest, after, passed=True)
        self._end("deploy", change)

    def rollback(self, to: str | None, questions: Questions) -> None:
        """Put an earlier configuration in force, whatever the canary says of it. Raises ReleaseError."""
        old = self.serve.running()
        back = self.history.read(to or self.history.before(digest(old)))
        change = self._begin("rollback", old, back)
        self.serve.change(back, self.say)
        figures = self.asker.measure(questions)
        self.journal.gate(change[1], questions.digest, figures, passed=figures.faults < 1)
        self._end("rollback", change)

    def policy(self, user_config: Mapping[str, Any], wait_s: float = POLICY_WAIT_S) -> float:
        """New thresholds live by `user_config`, without a restart; returns the seconds it took. Raises Declined.

        In production nobody is answered under an unsigned policy: then the old ones are put back. Raises PolicyError.
        """
        aim = Policy.load().overridden(user_config).digest
        began = time.monotonic()
        old = self.serve.running()
        new = with_thresholds(old, user_config)
        change = self._begin("policy", old, new)
        try:
            self.serve.put(new)
            self._until_in_force(aim, began + wait_s)
        except BaseException as failure:
            self._take_back("policy", change, old, failure)
            raise
        seconds = time.monotonic() - began
        self._end("policy", change, {"live_after_ms": round(seconds * 1000)})
        return seconds

    def _until_in_force(self, aim: str, end: float) -> None:
        seen = 0
        while seen < STEADY:
            if time.monotonic() > end:
                raise Declined(f"policy {aim[:12]} is not in force in time; is it signed? see `python -m app.policy`")
            seen = seen + 1 if self._in_force() == aim else 0
            time.sleep(0.1)

    def _in_force(self) -> str:
        """The policy that a Gateway answers by; "" when none can be told, or it may not answer by the one it has."""
        try:
            told = httpx.get(f"{self.asker.url}/readyz", timeout=READY_TIMEOUT_S, trust_env=False).json()
        except (httpx.HTTPError, ValueError):
            return ""
        return "" if told.get("problem") == UNSIGNED else str(told.get("policy"))

    def _begin(self, job: str, old: Config, new: Config) -> tuple[str, str]:
        change = (self.history.keep(old), self.history.keep(new))
        self.say(f"{job}: {change[0][:12]} → {change[1][:12]}")
        self.journal.run(job, "started", change)
        return change

    def _end(self, job: str, change: tuple[str, str], metrics: dict[str, int] | None = None) -> None:
        self.history.note(Line(job, change[1], change[0], "kept"))
        self.journal.run(job, "finished", change, metrics)
        self.say(f"{job}: {change[1][:12]} is kept")

    def _take_back(self, job: str, change: tuple[str, str], old: Config, failure: BaseException) -> None:
        self.say(f"{job}: taking back: {failure or type(failure).__name__}")
        self.history.note(Line(job, change[1], change[0], "taken back"))
        try:
            self.serve.change(old, self.say)
        except Declined as error:
            raise Unreachable(
                f"what ran before did not come back: {error}; it lies in {self.history.folder}"
            ) from error
        self.journal.run(job, "failed", change)
        self.say(f"{job}: {change[0][:12]} is in force again")
