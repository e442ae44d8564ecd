"""Privileges given up for good: what a program that this process becomes can never gain again (prctl(2))."""

import ctypes
import os
from pathlib import Path

PR_CAPBSET_DROP, PR_SET_NO_NEW_PRIVS = 24, 38
LAST_CAPABILITY = Path("/proc/sys/kernel/cap_last_cap")


def no_new_privileges() -> None:
    """Neither by its owner nor by its capabilities. OSError."""
    _prctl(PR_SET_NO_NEW_PRIVS, 1)


def drop_capabilities() -> None:
    """Empty the bounding set, so that the next program has no capability, be it root's; others have none to drop.

    Root's capabilities open what Landlock does not guard, such as the environment of other processes.
    """
    for capability in range(int(LAST_CAPABILITY.read_text()) + 1):
        try:
            _prctl(PR_CAPBSET_DROP, capability)
        except PermissionError:
            return


def _prctl(option: int, argument: int) -> None:
    if ctypes.CDLL(None, use_errno=True).prctl(option, argument, 0, 0, 0):
        failure = ctypes.get_errno()
        raise OSError(failure, f"prctl {option}: {os.strerror(failure)}")
