"""Alerts on their way, as files: one folder per receiver, one file per alert, gone once it was taken.

    DIR/log/                the audit log itself
    DIR/<digest of URL>/    a webhook
    DIR/positions.json      how far each log was looked at

An alert lies at every receiver before the place of what caused it is left behind, at the log last. So a kill loses
none, and an alert that the log has, or is about to get, is not made again. Local POSIX file system only.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from audit import disk
from audit.errors import BadEntry
from audit.heads import replace
from audit.monitoring.alert import Alert
from audit.monitoring.errors import BadSetup

LOG, SUFFIX = "log", ".json"
POSITIONS = "positions.json"


@dataclass(slots=True)
class Queue:
    """The alerts that one receiver has not taken yet. `arrived` is set whenever there is one more."""

    folder: Path
    arrived: threading.Event = field(default_factory=threading.Event)

    def put(self, alert: Alert) -> None:
        """Durable when it returns; the same id lies there once. OSError."""
        disk.create(self._path(alert.id), alert.to_bytes(), 0o600)
        self.arrived.set()

    def holds(self, alert_id: str) -> bool:
        """Whether an alert is still on its way."""
        return self._path(alert_id).exists()

    def waiting(self) -> list[Alert]:
        """All of them, oldest first; a file that holds no alert is set aside. OSError."""
        found = []
        for path in self.folder.glob(f"*{SUFFIX}"):
            try:
                found.append(Alert.parse(path.read_bytes()))
            except BadEntry:
                path.rename(path.with_suffix(".unreadable"))
        return sorted(found, key=lambda alert: alert.at_us)

    def taken(self, alert_id: str) -> None:
        """The receiver has it."""
        disk.remove(self._path(alert_id))

    def _path(self, alert_id: str) -> Path:
        # other writers of the log choose their ids freely, so an id is no file name
        return self.folder / f"{hashlib.sha256(alert_id.encode()).hexdigest()[:32]}{SUFFIX}"

    def __len__(self) -> int:
        return len(list(self.folder.glob(f"*{SUFFIX}")))


class Outbox:
    """One monitor's alerts for the log and every receiver. Safe for several threads, closed to other processes."""

    def __init__(self, folder: Path, receivers: Sequence[str] = ()) -> None:
        """BadSetup if another monitor has the folder; OSError."""
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._folder = folder
        self._held = _hold(folder)
        self.log = _queue(folder / LOG)
        self.receivers = {url: _queue(folder / hashlib.sha256(url.encode()).hexdigest()[:16]) for url in receivers}
        self._known: set[str] = set()
        self._lock = threading.Lock()

    def raise_alert(self, alert: Alert) -> bool:
        """Send an alert on its way; False if it is on its way, or in the log, already. OSError."""
        with self._lock:
            if alert.id in self._known or self.log.holds(alert.id):
                return False
            for queue in (*self.receivers.values(), self.log):
                queue.put(alert)
            self._known.add(alert.id)
            return True

    def pass_on(self, alert: Alert) -> None:
        """Send an alert that somebody else recorded to the receivers."""
        for queue in self.receivers.values():
            queue.put(alert)

    def recorded(self, alert_id: str) -> None:
        """The log holds this alert."""
        with self._lock:
            self._known.add(alert_id)

    def positions(self) -> dict[str, int]:
        """The index of the first record not yet looked at, by log; BadSetup."""
        try:
            found = json.loads((self._folder / POSITIONS).read_bytes())
            return {str(name): int(index) for name, index in found.items()}
        except FileNotFoundError:
            return {}
        except (ValueError, AttributeError, TypeError) as error:
            raise BadSetup(f"{POSITIONS}: expected an index for each log, got {error}") from error

    def save(self, positions: Mapping[str, int]) -> None:
        """Remember how far the logs were looked at; durable when it returns. OSError."""
        replace(self._folder / POSITIONS, json.dumps(dict(positions)).encode())

    def close(self) -> None:
        """Let another monitor have the folder."""
        os.close(self._held)


def _queue(folder: Path) -> Queue:
    folder.mkdir(mode=0o700, exist_ok=True)
    disk.sweep(folder)
    disk.sync_folder(folder.parent)
    return Queue(folder)


def _hold(folder: Path) -> int:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        os.close(descriptor)
        raise BadSetup(f"{folder}: expected no other monitor at work here, got one") from error
    return descriptor
