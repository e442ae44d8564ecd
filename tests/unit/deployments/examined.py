"""The self-test as a program, so that it can run confined: prints the report, and what else was tried, as JSON.

python -m tests.unit.deployments.examined DEMANDS [--gcs-address=...]     DEMANDS as JSON: outside, private, fixed
"""

import ctypes
import errno
import functools
import json
import os
import socket
import sys
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

from deployments.confinement import Demands, examine
from deployments.egress import Address
from deployments.seccomp import IO_URING_SETUP


def attempt(what: Callable[[], Any]) -> str:
    try:
        what()
    except OSError as error:
        return errno.errorcode[error.errno or 0]
    return "done"


def io_uring() -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.syscall(IO_URING_SETUP, 1, None) < 0:
        raise OSError(ctypes.get_errno(), "io_uring_setup")


def fast_open(call: str, place: tuple[str, int]) -> None:
    """By each system call that sends, even to where one may connect."""
    with socket.socket() as connection:
        if call == "sendto":
            connection.sendto(b"", socket.MSG_FASTOPEN, place)
        elif call == "sendmsg":
            connection.sendmsg([b""], [], socket.MSG_FASTOPEN, place)
        elif ctypes.CDLL(None, use_errno=True).sendmmsg(connection.fileno(), None, 0, socket.MSG_FASTOPEN) < 0:
            raise OSError(ctypes.get_errno(), call)


def main() -> None:
    asked = json.loads(sys.argv[1])
    gcs = [argument.rpartition(":")[2] for argument in sys.argv if argument.startswith("--gcs-address=")]
    demands = Demands(
        tuple(map(Address.parse, asked["outside"])), tuple(map(Path, asked["private"])),
        tuple(map(Path, asked["fixed"])), required=False,
    )  # fmt: skip
    tried = {
        "udp": attempt(lambda: socket.socket(socket.AF_INET, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC).close()),
        "udp6": attempt(lambda: socket.socket(socket.AF_INET6, socket.SOCK_DGRAM).close()),
        "raw": attempt(lambda: socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP).close()),
        "packet": attempt(lambda: socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0).close()),
        "mptcp": attempt(lambda: socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_MPTCP).close()),
        "vsock": attempt(lambda: socket.socket(socket.AF_VSOCK, socket.SOCK_STREAM).close()),
        "netlink": attempt(lambda: socket.socket(socket.AF_NETLINK, socket.SOCK_RAW).close()),
        "unix": attempt(lambda: socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM).close()),
        "io_uring": attempt(io_uring),
        "signal": attempt(lambda: os.kill(os.getppid(), 0)),
        "bind_any": attempt(lambda: socket.create_server(("127.0.0.1", 0)).close()),
        "bind_80": attempt(lambda: socket.create_server(("127.0.0.1", 80)).close()),
        "temporary": attempt(lambda: Path(os.environ.get("TMPDIR", "/nowhere"), "x").write_text("x")),
        "environment": attempt(lambda: Path(f"/proc/{os.getppid()}/environ").read_bytes()),
    }
    if gcs:
        ray = ("127.0.0.1", int(gcs[0]))
        tried["gcs"] = attempt(lambda: socket.create_connection(ray, 2).close())
        tried |= {call: attempt(functools.partial(fast_open, call, ray)) for call in ("sendto", "sendmsg", "sendmmsg")}
    print(json.dumps(asdict(examine(demands)) | {"tried": tried}))


if __name__ == "__main__":
    main()
