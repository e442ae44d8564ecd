"""Serve configurations as data: what runs now, what is wanted, and their digests. No I/O."""

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from app.releasing.errors import ReleaseError

GATEWAY = "Gateway"
Config = dict[str, Any]


def digest(config: Mapping[str, Any]) -> str:
    """SHA-256 over the configuration's JSON with sorted keys; key order and white space of a file do not count."""
    return hashlib.sha256(json.dumps(config, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


def application(config: Mapping[str, Any]) -> Config:
    """The one application of a configuration; raises ReleaseError for none or several."""
    found = config.get("applications")
    if not isinstance(found, list) or len(found) != 1 or not isinstance(found[0], dict):
        raise ReleaseError("applications: expected a list with one application")
    return found[0]


def wanted(file: Mapping[str, Any], running: Config, args: Mapping[str, Any], working_dir: str | None) -> Config:
    """The file's graph in the place of what runs: home, host and port stay unless `args` name them.

    What belongs to Serve itself (http_options, proxy_location) is fixed once Serve runs, so it is taken over.
    """
    new, old = application(file), application(running)
    made = new | {"args": (old.get("args") or {}) | (new.get("args") or {}) | dict(args)}
    if working_dir is not None:
        made["runtime_env"] = (new.get("runtime_env") or {}) | {"working_dir": working_dir}
    return {name: value for name, value in running.items() if name != "applications"} | {"applications": [made]}


def with_thresholds(running: Config, user_config: Mapping[str, Any]) -> Config:
    """The same graph with another `user_config` of the Gateway: no replica restarts. Raises ReleaseError."""
    app = application(running)
    deployments = [dict(each) for each in app.get("deployments") or []]
    gateways = [each for each in deployments if each.get("name") == GATEWAY]
    if len(gateways) != 1:
        raise ReleaseError(f"deployments: expected one {GATEWAY}, came {len(gateways)}")
    gateways[0]["user_config"] = dict(user_config)
    return running | {"applications": [app | {"deployments": deployments}]}


def user_config(file: Any) -> Config:
    """What a thresholds file says, with `thresholds:` around it or without. Raises ReleaseError."""
    if not isinstance(file, dict) or not file:
        raise ReleaseError("expected a YAML mapping of categories to thresholds")
    return file if "thresholds" in file else {"thresholds": file}
