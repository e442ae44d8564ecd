"""A Ray worker that confines itself before Ray is loaded: Landlock holds for one thread and what comes of it.

    python -m deployments.confined_worker .../default_worker.py --gcs-address=... ...

Named as `py_executable` in serve.yaml, Ray starts it in place of Python. What a worker must reach is read from the
worker's own arguments and from those of the raylet that started it, so it holds on every node. A kernel that cannot
confine starts the worker free, and says so in CONFINED; whether that is good enough is for `deployments.confinement`,
which believes what it tried alone.
"""

import ipaddress
import os
import site
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from deployments import landlock, privileges, seccomp
from deployments.landlock import DEVICE, READ, READ_DIR, READ_FILE, WRITE, Rules

CONFINED = "PRECEPTOR_CONFINED"
ROOT = Path(__file__).parents[1]
SYSTEM = ("/usr", "/bin", "/sbin", "/lib", "/lib64", "/etc", "/proc", "/sys")
DEVICES = ("null", "zero", "full", "random", "urandom", "tty", "kfd", "dri")
CERTIFICATE = ("RAY_TLS_SERVER_CERT", "RAY_TLS_SERVER_KEY", "RAY_TLS_CA_CERT")
DNS = 53
EPHEMERAL = Path("/proc/sys/net/ipv4/ip_local_port_range")
WORKER_PORTS = {"min-worker-port": 10_002, "max-worker-port": 19_999}  # with Ray's defaults


def main(arguments: Sequence[str]) -> None:
    """Confine, say how far that went, and become the worker."""
    worker = _options(arguments)
    temporary = _own_folder(worker)
    os.environ |= {"TMPDIR": str(temporary), CONFINED: _confine(worker, _options(_parent()), temporary)}
    os.execv(sys.executable, [sys.executable, *arguments])  # noqa: S606 - no shell is wanted


def rules(worker: dict[str, str], raylet: dict[str, str], temporary: Path) -> Rules:
    """What a replica needs: code and weights to read, logs to write, Ray's ports to call; DNS where Ray has names."""
    session = Path(worker["temp-dir"], worker["session-name"])
    installed = [*SYSTEM, sys.prefix, sys.base_prefix, *site.getsitepackages()]
    paths = [
        *((place, READ) for place in (*map(Path, installed), *_code(), _home() / "models", session)),
        *((Path("/dev", name), DEVICE) for name in DEVICES),
        *((device, DEVICE) for device in Path("/dev").glob("nvidia*")),
        *((place, WRITE) for place in (Path("/dev/shm"), session / "logs", temporary)),  # noqa: S108 - Ray's objects
        *((secret, READ_FILE) for secret in _secrets()),
        (ROOT, READ_DIR),
    ]
    workers = range(*_worker_ports(raylet))
    dns = [DNS] if _needs_names(worker) else []
    connect = {*dns, *_ray_ports(worker, raylet), *workers}
    return Rules(tuple(paths), bind=(0, *workers), connect=tuple(sorted(connect)))


def _confine(worker: dict[str, str], raylet: dict[str, str], temporary: Path) -> str:
    """How far the kernel went along, in words."""
    try:
        privileges.drop_capabilities()
        abi = landlock.restrict(rules(worker, raylet, temporary))
        names = _needs_names(worker)
        filtered = seccomp.limit_sockets(datagrams=names)  # DNS is UDP
    except OSError as error:
        return f"not confined by the kernel: {error.strerror or error}"
    files = f"Landlock ABI {abi}" if abi else "no Landlock"
    sockets = ("TCP and UDP alone" if names else "TCP alone") if filtered else "any socket"
    return f"{files}, {sockets}"


def _options(arguments: Sequence[str]) -> dict[str, str]:
    """`--name=value` by name, however the name is spelt; the raylet's and the worker's arguments are of this form."""
    pairs = (argument.removeprefix("--").partition("=") for argument in arguments if argument.startswith("--"))
    return {name.replace("_", "-"): value for name, _, value in pairs}


def _parent() -> list[str]:
    """Arguments of the program that started this one: a worker's is its raylet."""
    return Path(f"/proc/{os.getppid()}/cmdline").read_text().split("\0")


def _own_folder(worker: dict[str, str]) -> Path:
    """Room for temporary files of this worker alone, which goes with Ray's session."""
    folder = Path(worker["temp-dir"], worker["session-name"], "confined", str(os.getpid()))
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    return folder


def _code() -> Iterator[Path]:
    """The repository without the home of keys and log, which may lie in it."""
    for entry in ROOT.iterdir():
        if not _home().is_relative_to(entry) and entry.name != "var":
            yield entry


def _home() -> Path:
    """Where the graph's settings have it too: see app.settings.from_environment."""
    return Path(os.environ.get("PRECEPTOR_HOME", "var")).absolute()


def _secrets() -> Iterator[Path]:
    """All that a worker holds of them: what Ray lets it in by, and its node's certificate where Ray speaks TLS."""
    yield Path(os.environ.get("RAY_AUTH_TOKEN_PATH", "~/.ray/auth_token")).expanduser()
    yield from (Path(os.environ[name]) for name in CERTIFICATE if os.environ.get(name))


def _ray_ports(worker: dict[str, str], raylet: dict[str, str]) -> Iterator[int]:
    yield int(worker["gcs-address"].rpartition(":")[2])
    named = (worker | raylet).items()
    yield from (int(value) for name, value in named if name.endswith("-port") and value.isdecimal() and int(value))


def _worker_ports(raylet: dict[str, str]) -> tuple[int, int]:
    """First port of Ray's workers and the one after the last; without a range of theirs, the kernel's for all."""
    low, high = (int(raylet.get(name, default)) for name, default in WORKER_PORTS.items())
    if not low:
        low, high = map(int, EPHEMERAL.read_text().split())
    return low, high + 1


def _needs_names(worker: dict[str, str]) -> bool:
    """Whether Ray is called by name, so that DNS must stay open."""
    try:
        ipaddress.ip_address(worker["gcs-address"].rpartition(":")[0].strip("[]"))
    except ValueError:
        return True
    return False


if __name__ == "__main__":
    main(sys.argv[1:])
