"""Whether an address outside can be reached from here, found out by trying: over TCP by a handshake, and by those of
MPTCP and TCP Fast Open, which some guards overlook; over UDP by an answer.

What an attempt says about the way out:

    connected, refused, reset                      open: a packet left, and one came back
    EACCES, EPERM                                  closed on this machine: Landlock, seccomp, a firewall, `prohibit`
    no route, no such address family, a blackhole  closed: no packet had a way to leave, or an ICMP said so
    nothing for TIMEOUT_S                          closed: a NetworkPolicy drops in silence

A firewall that rejects with a TCP reset looks like an open door and counts as one: let it drop.
"""

import contextlib
import errno
import ipaddress
import os
import select
import socket
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from urllib.parse import urlsplit

TIMEOUT_S = 1.5
# A cloud's metadata service, which gives credentials away, and resolvers and a clock that anyone may ask.
OUTSIDE = (
    "tcp://169.254.169.254:80", "tcp://[fd00:ec2::254]:80", "tcp://1.1.1.1:443", "tcp://1.1.1.1:53",
    "tcp://[2606:4700:4700::1111]:443", "udp://162.159.200.1:123",
)  # fmt: skip
CLOSED = frozenset({errno.EACCES, errno.EPERM, errno.ENETUNREACH, errno.EHOSTUNREACH, errno.ENETDOWN,
                    errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT, errno.EINVAL, errno.ETIMEDOUT,
                    errno.EPROTONOSUPPORT, errno.ENOPROTOOPT, errno.EOPNOTSUPP})  # fmt: skip
TIME_REQUEST = b"\x1b" + 47 * b"\0"  # NTP, version 3, client (RFC 1305): a clock answers it, an echo too


@dataclass(frozen=True, slots=True)
class Address:
    """Where to knock: an IP address, since a name would be a question to DNS first."""

    kind: socket.SocketKind
    host: str
    port: int

    @classmethod
    def parse(cls, text: str) -> "Address":
        """`tcp://192.0.2.1:443` or `udp://[2001:db8::1]:53`; ValueError."""
        kinds = {"tcp": socket.SOCK_STREAM, "udp": socket.SOCK_DGRAM}
        parts = urlsplit(text)
        if parts.scheme not in kinds or parts.hostname is None or not parts.port or parts.path:
            raise ValueError(f"probe: expected tcp:// or udp:// with an IP address and a port, came {text!r}")
        return cls(kinds[parts.scheme], str(ipaddress.ip_address(parts.hostname)), parts.port)

    def __str__(self) -> str:
        scheme = "tcp" if self.kind is socket.SOCK_STREAM else "udp"
        return f"{scheme}://[{self.host}]:{self.port}" if ":" in self.host else f"{scheme}://{self.host}:{self.port}"


Way = Callable[[Address], str]


def reached(addresses: Sequence[Address]) -> list[str]:
    """One sentence for each address that is not shut off; all are tried at once, for TIMEOUT_S."""
    ways = [(address, way) for address in addresses for way in WAYS[address.kind]]
    found: dict[Address, str] = {}
    with ThreadPoolExecutor(max(1, len(ways))) as pool:
        for (address, _), finding in zip(ways, pool.map(_finding, ways), strict=True):
            if finding:
                found.setdefault(address, finding)
    return [f"{address}: {finding}" for address, finding in found.items()]


def _finding(attempt: tuple[Address, Way]) -> str | None:
    address, way = attempt
    try:
        return way(address)
    except TimeoutError:
        return None
    except (ConnectionRefusedError, ConnectionResetError):
        return "it was reached, and refused"
    except OSError as error:
        return None if error.errno in CLOSED else f"cannot tell whether it is shut off: {error.strerror or error}"


def _connected(address: Address, protocol: int = socket.IPPROTO_TCP) -> str:
    with _socket(address, protocol) as knock:
        knock.connect((address.host, address.port))
        return "a connection was made"


def _connected_by_mptcp(address: Address) -> str:
    return f"{_connected(address, socket.IPPROTO_MPTCP)} by MPTCP"


def _connected_by_sending(address: Address) -> str:
    """TCP Fast Open, RFC 7413: to a server that has given no cookie it is the usual handshake."""
    with _socket(address, socket.IPPROTO_TCP) as knock:
        with contextlib.suppress(BlockingIOError):  # under way
            knock.sendto(b"", socket.MSG_FASTOPEN, (address.host, address.port))
        if not select.select([], [knock], [], TIMEOUT_S)[1]:
            raise TimeoutError
        if code := knock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR):
            raise OSError(code, os.strerror(code))
        return "a connection was made by TCP Fast Open"


def _answered(address: Address) -> str:
    """Of UDP silence proves nothing, and nothing more is claimed; TimeoutError."""
    with _socket(address, socket.IPPROTO_UDP) as knock:
        knock.connect((address.host, address.port))
        knock.send(TIME_REQUEST)
        knock.recv(512)
        return "a datagram was answered"


def _socket(address: Address, protocol: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in address.host else socket.AF_INET
    made = socket.socket(family, address.kind, protocol)
    made.settimeout(TIMEOUT_S)
    return made


WAYS: dict[socket.SocketKind, tuple[Way, ...]] = {
    socket.SOCK_STREAM: (_connected, _connected_by_mptcp, _connected_by_sending),
    socket.SOCK_DGRAM: (_answered,),
}
