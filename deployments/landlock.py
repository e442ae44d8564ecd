"""Landlock: what this process and all that it starts may still do with files, TCP and signals, for good.

No library of ours binds these three system calls. Numbers and structures are those of linux/landlock.h, the meaning is
in https://docs.kernel.org/userspace-api/landlock.html; a kernel that knows less enforces less, and `restrict` says so.
"""

import ctypes
import os
import struct
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from deployments.privileges import no_new_privileges

CREATE_RULESET, ADD_RULE, RESTRICT_SELF = 444, 445, 446  # the same on every architecture but alpha
VERSION_FLAG, PATH_BENEATH, NET_PORT = 1, 1, 2

EXECUTE, WRITE_FILE, READ_FILE, READ_DIR = 1 << 0, 1 << 1, 1 << 2, 1 << 3
CHANGES = sum(1 << bit for bit in range(4, 13))  # remove and make entries of every type
REFER, TRUNCATE, IOCTL_DEV = 1 << 13, 1 << 14, 1 << 15
FILES_SINCE = {1: EXECUTE | WRITE_FILE | READ_FILE | READ_DIR | CHANGES, 2: REFER, 3: TRUNCATE, 5: IOCTL_DEV}
OF_A_FILE = EXECUTE | WRITE_FILE | READ_FILE | TRUNCATE | IOCTL_DEV
BIND_TCP, CONNECT_TCP, TCP_SINCE = 1, 2, 4
ABSTRACT_SOCKETS, SIGNALS, SCOPES_SINCE = 1, 2, 6

READ = EXECUTE | READ_FILE | READ_DIR
WRITE = READ | WRITE_FILE | CHANGES | REFER | TRUNCATE
DEVICE = READ_FILE | READ_DIR | WRITE_FILE | IOCTL_DEV

_libc = ctypes.CDLL(None, use_errno=True)


@dataclass(frozen=True, slots=True)
class Rules:
    """All that stays allowed: rights by path, which reach down into folders, and TCP ports of whatever host."""

    paths: tuple[tuple[Path, int], ...]
    bind: tuple[int, ...]
    connect: tuple[int, ...]


def version() -> int:
    """The ABI that the kernel offers; 0 where Landlock is missing or off."""
    return max(0, int(_libc.syscall(CREATE_RULESET, None, ctypes.c_size_t(0), VERSION_FLAG)))


def restrict(rules: Rules) -> int:
    """Confine this thread, and with it every program that it becomes; the ABI that did it, 0 for none. OSError.

    Other threads that run already stay free (before ABI 8), so call it before any is started.
    """
    abi = version()
    if not abi:
        return 0
    files = sum(rights for since, rights in FILES_SINCE.items() if since <= abi)
    ruleset = _create(abi, files)
    try:
        for path, rights in rules.paths:
            _allow_path(ruleset, path, rights & files)
        if abi >= TCP_SINCE:
            _allow_ports(ruleset, rules.bind, BIND_TCP)
            _allow_ports(ruleset, rules.connect, CONNECT_TCP)
        no_new_privileges()
        _call(RESTRICT_SELF, ruleset, 0)
    finally:
        os.close(ruleset)
    return abi


def _create(abi: int, files: int) -> int:
    tcp = BIND_TCP | CONNECT_TCP if abi >= TCP_SINCE else 0
    scopes = ABSTRACT_SOCKETS | SIGNALS if abi >= SCOPES_SINCE else 0
    size = 24 if abi >= SCOPES_SINCE else 16 if abi >= TCP_SINCE else 8
    return _call(CREATE_RULESET, struct.pack("=QQQ", files, tcp, scopes)[:size], ctypes.c_size_t(size), 0)


def _allow_path(ruleset: int, path: Path, rights: int) -> None:
    """What is not there needs no rule: nothing that comes to its place later will be allowed."""
    try:
        place = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except (FileNotFoundError, PermissionError):
        return
    try:
        allowed = rights if path.is_dir() else rights & OF_A_FILE
        _call(ADD_RULE, ruleset, PATH_BENEATH, struct.pack("=Qi", allowed, place), 0)
    finally:
        os.close(place)


def _allow_ports(ruleset: int, ports: Iterable[int], right: int) -> None:
    for port in ports:
        _call(ADD_RULE, ruleset, NET_PORT, struct.pack("=QQ", right, port), 0)


def _call(number: int, *arguments: object) -> int:
    result = int(_libc.syscall(number, *arguments))
    if result < 0:
        code = ctypes.get_errno()
        raise OSError(code, f"Landlock system call {number}: {os.strerror(code)}")
    return result
