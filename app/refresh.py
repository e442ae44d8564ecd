"""The first start has no knowledge pack: a job of the tutor's own Ray makes one, and the tutor answers meanwhile."""

import json
import shlex
from pathlib import Path

from app import deploy
from app.cluster import Cluster
from app.settings import Settings

JOBS = "/api/jobs/"
BEGUN = ".refreshing"  # train.refresh leaves it where it was cut off
TIMEOUT_S = 10.0


def submit(settings: Settings, cluster: Cluster, *options: str) -> str | None:
    """Hand `train.refresh` to Ray, as `ray job submit` does; the job's id, None where it is not needed.

    Raises OSError, HTTPException, ValueError where Ray does not take it.
    """
    if not wanted(settings.knowledge_packs):
        return None
    command = ["python", "-m", "train.refresh", "--out", str(settings.knowledge_packs), *options]
    job = json.dumps({"entrypoint": shlex.join(command)}).encode()
    answer = json.loads(deploy.call(cluster, "POST", JOBS, job, TIMEOUT_S))
    if not isinstance(answer, dict) or "submission_id" not in answer:
        raise ValueError(f"expected a submission_id, Ray answered {str(answer)[:200]}")
    return str(answer["submission_id"])


def wanted(packs: Path) -> bool:
    """True where no pack lies, or where the last refresh did not come to its end."""
    return (packs / BEGUN).exists() or not any(packs.glob("*/manifest.json"))
