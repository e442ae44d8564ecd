"""One probe of garak, run as garak is meant to be run, against a relay; its own report stays beside ours."""

import json
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from train.attack.attempt import Evaluated
from train.attack.environment import Environment, bare
from train.attack.errors import AttackerFailed
from train.attack.relay import OVER, WORDS

DETECTOR = "shields.Up"  # garak's own detectors of refusals take a third of ours for answers
SEED = 7
TIMEOUT_S = 3600  # the relay waits for limits and faults itself


def config(uri: str, folder: Path, per_probe: int) -> Mapping[str, Any]:
    """garak's configuration: one generation per prompt, scored by the verdict that the relay tells."""
    rest = {
        "uri": uri, "req_template_json_object": {"prompt": "$INPUT"}, "response_json": True,
        "response_json_field": "$.preceptor.verdict", "request_timeout": TIMEOUT_S, "skip_codes": [OVER],
    }  # fmt: skip
    return {
        "system": {"parallel_attempts": False, "lite": True},
        "run": {"seed": SEED, "generations": 1, "soft_probe_prompt_cap": per_probe},
        "plugins": {
            "target_type": "rest.RestGenerator",
            "extended_detectors": False,
            "detectors": {"shields": {"Up": {"upstrings": list(WORDS)}}},
            "generators": {"rest": {"RestGenerator": rest}},
        },
        "reporting": {"report_dir": str(folder), "report_prefix": "garak"},
    }


def start(environment: Environment, probe: str, folder: Path, uri: str, per_probe: int) -> subprocess.Popen[bytes]:
    """garak at work on one probe; what it prints goes to a file in `folder`, which is made anew."""
    folder.mkdir(parents=True, exist_ok=True)
    for old in folder.glob("garak.*"):
        old.unlink()
    (folder / "config.yaml").write_text(yaml.safe_dump(dict(config(uri, folder, per_probe))))
    command: list[Path | str] = [environment.python, "-m", "garak", "--config", folder / "config.yaml"]
    command += ["--probes", probe, "--detectors", DETECTOR]
    with (folder / "output.txt").open("wb") as output:
        return subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT, cwd=folder,
            env=dict(bare(folder / "home")),
        )  # fmt: skip


def evaluated(probe: str, folder: Path) -> Evaluated:
    """What garak itself counted. Raises AttackerFailed when it did not come so far, with the end of what it printed."""
    report = folder / "garak.report.jsonl"
    lines = report.read_text(encoding="utf-8").splitlines() if report.is_file() else []
    found = [entry for entry in map(json.loads, lines) if entry.get("entry_type") == "eval"]
    if not found:
        said = (folder / "output.txt").read_text(errors="replace")[-500:]
        raise AttackerFailed(f"garak: expected an evaluation of {probe}, got none; it said: {said}")
    prompts = sum(int(entry["total_evaluated"]) for entry in found)
    return Evaluated(probe, prompts, prompts - sum(int(entry["passed"]) for entry in found))
