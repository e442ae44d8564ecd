"""Which node takes which deployment, on a cluster of several: nodes bear the label preceptor-part, which is asked for.

    python -m deployments.placement deployments/serve.yaml [--put DEPLOYMENT=PART]... > placed.yaml

Gateway and log writers go where the keys are (`trusted`); Guard, Knowledge and Model, which read strangers, elsewhere.
A node gets its label at its start: `deployments/node.sh worker HEAD --labels=preceptor-part=model`. Exit status: 0; 2
for a file that cannot be read or a deployment that nobody placed.
"""

import argparse
import copy
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

LABEL = "preceptor-part"
PARTS: Mapping[str, str] = {
    "Gateway": "trusted", "AuditLog": "trusted", "Guard": "guard", "Challenger": "guard", "Knowledge": "guard",
    "Model": "model",
}  # fmt: skip


def placed(config: Mapping[str, Any], parts: Mapping[str, str] = PARTS) -> dict[str, Any]:
    """A Serve file with a node label for every deployment; ValueError names one that has no place."""
    made = copy.deepcopy(dict(config))
    for application in made["applications"]:
        for deployment in application["deployments"]:
            kind = str(deployment["name"]).partition("-")[0]  # AuditLog-control, AuditLog-exchange-0
            if kind not in parts:
                raise ValueError(f"{deployment['name']}: expected one of {', '.join(parts)}")
            deployment.setdefault("ray_actor_options", {})["label_selector"] = {LABEL: parts[kind]}
    return made


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the placed file; the exit status."""
    options = argparse.ArgumentParser(prog="python -m deployments.placement", description=__doc__.split("\n")[0])
    options.add_argument("file", type=Path, metavar="FILE", help="a Serve file, such as deployments/serve.yaml")
    options.add_argument("--put", action="append", default=[], metavar="DEPLOYMENT=PART", help="another place")
    given = options.parse_args(arguments)
    try:
        parts = dict(PARTS) | dict(_pair(text) for text in given.put)
        print(yaml.safe_dump(placed(yaml.safe_load(given.file.read_text()), parts), sort_keys=False), end="")
    except (OSError, ValueError, KeyError, TypeError, yaml.YAMLError) as error:
        print(f"placement: {error}", file=sys.stderr)
        return 2
    return 0


def _pair(text: str) -> tuple[str, str]:
    name, equals, part = text.partition("=")
    if name not in PARTS or not equals or not part:
        raise ValueError(f"--put: expected DEPLOYMENT=PART with one of {', '.join(PARTS)}, came {text!r}")
    return name, part


if __name__ == "__main__":
    sys.exit(main())
