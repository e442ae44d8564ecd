"""The compliance monitor beside a running tutor: started with it, and again should it end; `app.cleanup` stops it."""

import os
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from app.auth import Role
from app.cleanup import MARK, Run
from app.keys import mint
from app.settings import Settings

KEY_TTL_S = 365 * 86400
AGAIN_AFTER_S = 10.0


def monitor_key(settings: Settings, url: str) -> str:
    """The monitor's key: it appends alerts, as an admin may. Raises AuditError, URLError."""
    return mint(settings, url, ("monitor", "preceptor", Role.ADMIN), KEY_TTL_S, accept=False)


@dataclass(slots=True)
class Watch:
    """`python -m audit.monitor` as a child that is never missed for long."""

    settings: Settings
    url: str
    run: Run
    key: str = field(repr=False)
    say: Callable[[str], None] = print
    _process: "subprocess.Popen[bytes] | None" = None
    _began: float = 0.0

    def check(self) -> None:
        """Start it unless it runs; one that ends at once is started again after a while."""
        if self._process is not None and self._process.poll() is None:
            return
        if time.monotonic() - self._began < AGAIN_AFTER_S and self._process is not None:
            return
        if self._process is not None:
            self.say(f"the monitor ended with {self._process.returncode}; starting it again")
        self._began = time.monotonic()
        given = {
            MARK: self.run.run_id, "PRECEPTOR_HOME": str(self.settings.home), "PRECEPTOR_URL": self.url,
            "PRECEPTOR_LOG": str(self.settings.audit), "PRECEPTOR_API_KEY": self.key,
        }  # fmt: skip
        command = [sys.executable, "-m", "audit.monitor"]
        self._process = subprocess.Popen(command, env=os.environ | given, stdin=subprocess.DEVNULL)
