"""A seccomp filter that leaves a process the connections that Landlock judges: Landlock knows connect(2) of TCP alone.

So no UDP, no raw and no packet sockets, none of virtual machines (vsock), and no MPTCP, which talks to any TCP server
and is not TCP to Landlock. Nor TCP Fast Open, since it connects by sending (MSG_FASTOPEN), which Landlock does not see.

The filter is classic BPF over `struct seccomp_data` (seccomp(2), linux/seccomp.h): system call number at byte 0,
architecture at 4, arguments from 16 on, 8 bytes each. It is inherited by every program that the process becomes.
"""

import ctypes
import errno
import os
import platform
import struct
from typing import NamedTuple

from deployments.privileges import no_new_privileges

PR_SET_SECCOMP, FILTER_MODE = 22, 2
LOAD_WORD, JUMP_EQUAL, JUMP_GREATER_EQUAL, JUMP_SET, AND, RETURN = 0x20, 0x15, 0x35, 0x45, 0x54, 0x06
ALLOW, ERRNO = 0x7FFF0000, 0x00050000
X32 = 0x40000000  # system calls of x86_64's other convention begin here
IO_URING_SETUP = 425  # opens sockets unseen by this filter; the same number everywhere
AF_UNIX, AF_INET, AF_INET6, AF_NETLINK = 1, 2, 10, 16  # the last is how libc lists interfaces
SOCK_STREAM, SOCK_DGRAM, TYPE_MASK = 1, 2, 0xF
OF_THE_TYPE, TCP, UDP = 0, 6, 17  # protocols; the first is whichever is usual for a type of socket
MSG_FASTOPEN = 0x20000000


class Calls(NamedTuple):
    """Numbers of an architecture: its own in linux/audit.h, and those of its system calls."""

    architecture: int
    socket: int
    sendto: int
    sendmsg: int
    sendmmsg: int


MACHINES = {"x86_64": Calls(0xC000003E, 41, 44, 46, 307), "aarch64": Calls(0xC00000B7, 198, 206, 211, 269)}

Line = tuple[str, int, int, str, str]
"""Label, code, operand, and where a jump leads if it is true, and if not: `struct sock_filter` with names."""


class _Program(ctypes.Structure):
    _fields_ = (("length", ctypes.c_ushort), ("instructions", ctypes.c_void_p))


def limit_sockets(*, datagrams: bool) -> bool:
    """Install the filter for this thread and its successors; False where the machine is of another kind. OSError.

    With `datagrams` UDP stays: without it names cannot be resolved.
    """
    calls = MACHINES.get(platform.machine())
    if calls is None:
        return False
    packed = _assembled(_filter(calls, "protocol" if datagrams else "refuse", "allow" if datagrams else "refuse"))
    code = ctypes.create_string_buffer(packed, len(packed))
    program = _Program(len(packed) // 8, ctypes.addressof(code))
    no_new_privileges()
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(PR_SET_SECCOMP, FILTER_MODE, ctypes.byref(program), 0, 0):
        failure = ctypes.get_errno()
        raise OSError(failure, f"seccomp filter: {os.strerror(failure)}")
    return True


def _filter(calls: Calls, datagrams: str, udp: str) -> list[Line]:
    return [
        ("", LOAD_WORD, 4, "", ""),
        ("", JUMP_EQUAL, calls.architecture, "", "unknown"),
        ("", LOAD_WORD, 0, "", ""),
        ("", JUMP_GREATER_EQUAL, X32, "unknown", ""),
        ("", JUMP_EQUAL, IO_URING_SETUP, "unknown", ""),
        ("", JUMP_EQUAL, calls.sendto, "fourth", ""),
        ("", JUMP_EQUAL, calls.sendmmsg, "fourth", ""),
        ("", JUMP_EQUAL, calls.sendmsg, "third", ""),
        ("", JUMP_EQUAL, calls.socket, "", "allow"),
        *_sockets(datagrams, udp),
        ("fourth", LOAD_WORD, 40, "", ""),  # flags of what is sent
        ("", JUMP_SET, MSG_FASTOPEN, "refuse", "allow"),
        ("third", LOAD_WORD, 32, "", ""),
        ("", JUMP_SET, MSG_FASTOPEN, "refuse", "allow"),
        ("allow", RETURN, ALLOW, "", ""),
        ("refuse", RETURN, ERRNO | errno.EACCES, "", ""),
        ("unknown", RETURN, ERRNO | errno.ENOSYS, "", ""),
    ]


def _sockets(datagrams: str, udp: str) -> list[Line]:
    return [
        ("", LOAD_WORD, 16, "", ""),  # the family
        ("", JUMP_EQUAL, AF_UNIX, "allow", ""),
        ("", JUMP_EQUAL, AF_NETLINK, "allow", ""),
        ("", JUMP_EQUAL, AF_INET, "internet", ""),
        ("", JUMP_EQUAL, AF_INET6, "internet", "refuse"),
        ("internet", LOAD_WORD, 24, "", ""),  # the type, with flags above it
        ("", AND, TYPE_MASK, "", ""),
        ("", JUMP_EQUAL, SOCK_STREAM, "protocol", ""),
        ("", JUMP_EQUAL, SOCK_DGRAM, datagrams, "refuse"),
        ("protocol", LOAD_WORD, 32, "", ""),
        ("", JUMP_EQUAL, OF_THE_TYPE, "allow", ""),
        ("", JUMP_EQUAL, TCP, "allow", ""),
        ("", JUMP_EQUAL, UDP, udp, "refuse"),
    ]


def _assembled(lines: list[Line]) -> bytes:
    """Labels become the number of instructions to skip; no label is the next one."""
    places = {label: at for at, (label, *_) in enumerate(lines) if label}
    skips = [[places[to] - at - 1 if to else 0 for to in line[3:]] for at, line in enumerate(lines)]
    return b"".join(
        struct.pack("=HBBI", code, *skip, operand) for (_, code, operand, *_), skip in zip(lines, skips, strict=True)
    )
