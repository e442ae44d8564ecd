"""Serve's REST interface at Ray's dashboard, with Ray's token: what runs, and what shall run."""

import os
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from app.releasing.config import Config, application
from app.releasing.errors import Declined, Unreachable

APPLICATIONS = "/api/serve/applications/"
KEPT = ("proxy_location", "http_options", "grpc_options", "logging_config")  # what Serve tells of itself
READY_S = 300.0
POLL_S = 0.5


def ray_token() -> str:
    """Ray's token as Ray's own commands find it: RAY_AUTH_TOKEN, else the file RAY_AUTH_TOKEN_PATH; "" without."""
    path = os.environ.get("RAY_AUTH_TOKEN_PATH")
    return os.environ.get("RAY_AUTH_TOKEN") or (Path(path).read_text().strip() if path else "")


@dataclass(frozen=True, slots=True)
class Serve:
    """Serve of one cluster. Every method raises Unreachable when the dashboard does not answer as expected."""

    dashboard: str
    token: str = field(repr=False)

    def running(self) -> Config:
        """The configuration in force, in the form that `put` takes; raises Unreachable where no one graph runs."""
        told = self._told()
        applications = [each["deployed_app_config"] for each in told.get("applications", {}).values()]
        if len(applications) != 1 or applications[0] is None:
            raise Unreachable(f"expected one application deployed from a configuration, came {len(applications)}")
        return {name: told[name] for name in KEPT if told.get(name)} | {"applications": applications}

    def put(self, config: Config) -> None:
        """Have Serve take the configuration; raises Declined with Serve's words when it does not."""
        try:
            answer = self._client().put(APPLICATIONS, json=config)
        except httpx.TransportError as error:
            raise Unreachable(f"{self.dashboard}: {type(error).__name__}") from error
        if answer.status_code != 200:
            raise Declined(f"Serve refused the configuration ({answer.status_code}): {answer.text.strip()[-300:]}")

    def change(self, config: Config, say: Callable[[str], None], wait_s: float = READY_S) -> None:
        """Put, and return when every deployment has come up; raises Declined with the first that has not."""
        name = str(application(config)["name"])
        before = self._state(name).get("last_deployed_time_s")
        self.put(config)
        end, told = time.monotonic() + wait_s, ""
        while True:
            state = self._state(name)
            status = str(state.get("status"))
            if state.get("last_deployed_time_s") != before and status == "RUNNING":
                return
            if status in ("DEPLOY_FAILED", "UNHEALTHY") and state.get("last_deployed_time_s") != before:
                raise Declined(f"{name} is {status}: {_last_line(state)}")
            if time.monotonic() > end:
                raise Declined(f"{name} was not up after {wait_s:.0f} s; last seen {status}")
            if status != told:
                say(f"{name}: {status.lower().replace('_', ' ')}")
            told = status
            time.sleep(POLL_S)

    def _state(self, name: str) -> dict[str, Any]:
        found = self._told().get("applications", {}).get(name)
        return found if isinstance(found, dict) else {}

    def _told(self) -> dict[str, Any]:
        try:
            answer = self._client().get(APPLICATIONS).raise_for_status()
            told = answer.json()
        except (httpx.HTTPError, ValueError) as error:
            raise Unreachable(f"{self.dashboard}: expected Serve's state, came {type(error).__name__}") from error
        return dict(told)

    def _client(self) -> httpx.Client:
        headers = {"authorization": f"Bearer {self.token}"} if self.token else {}
        return httpx.Client(base_url=self.dashboard, headers=headers, timeout=60, trust_env=False)


def _last_line(state: dict[str, Any]) -> str:
    """What was raised, of a message that may be a whole stack trace; a deployment's own words where there are any."""
    parts = [state, *(state.get("deployments") or {}).values()]
    messages = [str(part.get("message") or "") for part in parts if part.get("status") != "HEALTHY"]
    lines = [line.strip() for line in "\n".join(messages).replace("\\n", "\n").splitlines() if line.strip(" ^")]
    return lines[-1][-300:] if lines else "it gave no reason"
