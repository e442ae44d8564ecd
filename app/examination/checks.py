"""The table of checks, and what came of them."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Literal

from app.examination import answers, doors, secrets
from app.examination.deployment import CannotTell, Deployment

Check = Callable[[Deployment], str | None]
CHECKS: tuple[Check, ...] = (
    doors.switches, doors.dashboard_token, doors.gcs_token, doors.replica_token, doors.ray_ports, doors.ray_client,
    doors.haproxy_ports, doors.haproxy_socket, doors.usage_statistics, answers.encrypted, answers.needs_a_key,
    answers.steering_headers, answers.size_bound, answers.security_headers, answers.policy_signed, secrets.key_files,
    secrets.run_env_file, secrets.signoff_key_elsewhere, secrets.process_list,
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Found:
    """One check's outcome; `unknown` is never counted as safe."""

    name: str
    state: Literal["ok", "open", "unknown"]
    why: str = ""

    def __str__(self) -> str:
        return f"{self.name:22} {self.state:8}{self.why}".rstrip()


def examine(deployment: Deployment, checks: tuple[Check, ...] = CHECKS) -> Iterator[Found]:
    """Run every check; none stops the others."""
    for check in checks:
        try:
            problem = check(deployment)
        except CannotTell as reason:
            yield Found(check.__name__, "unknown", str(reason))
        except OSError as error:
            yield Found(check.__name__, "unknown", f"{type(error).__name__}: {error}")
        else:
            yield Found(check.__name__, "open" if problem else "ok", problem or "")


def exit_status(found: list[Found]) -> int:
    """1 when something is open; 2 when nothing is, but not everything could be looked at; else 0."""
    states = {each.state for each in found}
    return 1 if "open" in states else 2 if "unknown" in states else 0
