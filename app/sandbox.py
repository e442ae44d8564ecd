"""What the Model must not be able to do, by the settings: see deployments/confinement.py."""

from pathlib import Path

from app.auth import KEY_FILE
from app.settings import Settings
from deployments.confinement import Demands
from deployments.egress import OUTSIDE, Address


def demands(settings: Settings) -> Demands:
    """No way outside, no secret read, weights that stay what they are; ValueError names a probe that is no address."""
    secret = [settings.keys / name for name in (KEY_FILE, "log.key", "kek.key")]
    log = [settings.audit.absolute()] if isinstance(settings.audit, Path) else []
    return Demands(
        outside=tuple(map(Address.parse, (*OUTSIDE, *settings.confinement_probes))),
        private=(settings.keys, *secret, *log),
        fixed=(settings.home, settings.models),
        required=settings.mode == "production",
    )
