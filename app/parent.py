"""Ending with the program that started us, for `make run`.

Make waits for its child before it dies of an interrupt, and an interrupt sent to make alone never reaches the
child: both would wait for ever. Make stops catching SIGINT at that moment, and the kernel shows it.
"""

import os
import re
import signal
import threading
import time
from pathlib import Path

INTERVAL_S = 0.5


def follow() -> None:
    """From now on, send this process SIGTERM when its parent has ended or has been interrupted."""
    parent = os.getppid()
    threading.Thread(target=_watch, args=(parent, catches_interrupts(parent)), daemon=True).start()


def _watch(parent: int, caught: bool) -> None:
    while os.getppid() == parent and catches_interrupts(parent) == caught:
        time.sleep(INTERVAL_S)
    os.kill(os.getpid(), signal.SIGTERM)


def catches_interrupts(process: int) -> bool:
    """True while `process` has a handler for SIGINT; False also when it has ended."""
    try:
        status = Path(f"/proc/{process}/status").read_text()
    except OSError:
        return False
    caught = re.search(r"^SigCgt:\s*([0-9a-f]+)$", status, re.MULTILINE)
    return caught is not None and bool(int(caught[1], 16) & 1 << (signal.SIGINT - 1))
