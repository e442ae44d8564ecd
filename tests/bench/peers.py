"""The same payload into the databases that people trust: PostgreSQL and SQLite, each set to survive a power cut."""

import math
import os
import pwd
import shutil
import signal
import sqlite3
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.bench.log_records import LATER_US, Payload, Rate, request_id

DEBIAN = Path("/usr/lib/postgresql")
USERS = ("postgres", "nobody")
TRANSACTION_SIZES = (1, 64)
SUBJECT = "5" * 64
START_S = 30.0
CONNECT_S = 1.0
CONNECTIONS_PER_S = 200
STOP_S = 60.0
# Durable, and else as fast as it goes: no checkpoint and no vacuum falls into a run.
CONFIGURATION = """
listen_addresses = ''
max_connections = 600
fsync = on
synchronous_commit = on
shared_buffers = 256MB
max_wal_size = 8GB
checkpoint_timeout = 1h
autovacuum = off
"""
# PLAIN: a row stands whole in its page, neither compressed nor moved out of line.
TABLE = """
CREATE TABLE records (idx bigserial PRIMARY KEY, ts timestamptz NOT NULL, kind text NOT NULL,
    request_id text NOT NULL, subject text, leaf bytea NOT NULL, content bytea);
ALTER TABLE records ALTER leaf SET STORAGE PLAIN, ALTER content SET STORAGE PLAIN;
"""
INSERT = """INSERT INTO records (ts, kind, request_id, subject, leaf, content)
VALUES (now(), 'window', gen_random_uuid()::text, :subject, :leaf, :content);
"""


class NoPostgres(Exception):
    """PostgreSQL is not here, or one of its programs failed."""


@dataclass(frozen=True, slots=True)
class Cluster:
    """A PostgreSQL of our own, reached by a Unix socket in `folder`; it refuses root, so root lends it a user."""

    programs: Path
    folder: Path
    user: str | None

    @property
    def environment(self) -> dict[str, str]:
        return {
            "PATH": os.environ["PATH"], "LC_ALL": "C", "HOME": str(self.folder),
            "PGHOST": str(self.folder), "PGUSER": "bench", "PGDATABASE": "postgres",
        }  # fmt: skip

    @property
    def complaints(self) -> str:
        """The end of what the server and the programs wrote to stderr."""
        return (self.folder / "stderr.txt").read_text(errors="replace").strip()[-500:]

    def run(self, program: str, *arguments: str) -> None:
        """Run one of its programs to the end; NoPostgres if it fails."""
        if self.start(str(self.programs / program), *arguments).wait() != 0:
            raise NoPostgres(f"{program}: {self.complaints}")

    def start(self, *command: str) -> subprocess.Popen[bytes]:
        """Start a command as the cluster's user, in its folder."""
        with (self.folder / "stderr.txt").open("ab") as complaints:
            return subprocess.Popen(
                command, cwd=self.folder, env=self.environment, stdout=subprocess.DEVNULL, stderr=complaints,
                user=self.user, extra_groups=[] if self.user else None,
            )  # fmt: skip

    def sql(self, statements: str) -> None:
        """Run statements; NoPostgres if one fails."""
        self.run("psql", "-X", "-q", "-v", "ON_ERROR_STOP=1", "-c", statements)


def postgres_programs() -> Path:
    """The folder of Debian's newest PostgreSQL, else of the one on the path; NoPostgres."""
    for folder in sorted(DEBIAN.glob("*/bin"), key=lambda path: float(path.parent.name), reverse=True):
        if (folder / "postgres").exists() and (folder / "pgbench").exists():
            return folder
    found = shutil.which("postgres")
    if found is None or not Path(found).with_name("pgbench").exists():
        raise NoPostgres("expected postgres and pgbench (Debian: apt-get install postgresql), found none")
    return Path(found).parent


def postgres_version() -> str:
    """What `postgres --version` says; NoPostgres."""
    command = [str(postgres_programs() / "postgres"), "--version"]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


@contextmanager
def cluster() -> Iterator[Cluster]:
    """A new cluster beside the logs, stopped and removed at the end. NoPostgres."""
    programs, user = postgres_programs(), _user()
    folder = Path(tempfile.mkdtemp(prefix="bench-postgres-"))
    held = Cluster(programs, folder, user)
    try:
        if user is not None:
            shutil.chown(folder, user)
        held.run("initdb", "-D", "data", "-U", "bench", "-A", "trust", "-E", "UTF8", "--no-sync")
        with (folder / "data" / "postgresql.conf").open("a") as file:
            file.write(f"{CONFIGURATION}unix_socket_directories = '{folder}'\n")
        with _running(held):
            held.sql(TABLE)
            yield held
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def _running(held: Cluster) -> Iterator[None]:
    """The server as our child: it goes down with us even if we are killed."""
    server = held.start("setpriv", "--pdeathsig", "INT", str(held.programs / "postgres"), "-D", "data")
    try:
        _wait_until_ready(held, server)
        yield
    finally:
        server.send_signal(signal.SIGINT)  # fast shutdown: ends sessions, then stops cleanly
        try:
            server.wait(STOP_S)
        except subprocess.TimeoutExpired:
            server.send_signal(signal.SIGQUIT)
            server.wait()


def _wait_until_ready(held: Cluster, server: subprocess.Popen[bytes]) -> None:
    until = time.monotonic() + START_S
    while time.monotonic() < until:
        if server.poll() is not None:
            raise NoPostgres(f"server ended: {held.complaints}")
        try:
            held.run("pg_isready", "-q")
        except NoPostgres:
            time.sleep(0.1)
            continue
        return
    raise NoPostgres(f"server not ready within {START_S:g} s")


def _user() -> str | None:
    """Whom root lends; None when we are not root."""
    if os.geteuid() != 0:
        return None
    known = {entry.pw_name for entry in pwd.getpwall()}
    return next(name for name in USERS if name in known)


def postgres(payload: Payload, seconds: float, clients: Sequence[int]) -> list[Rate]:
    """pgbench, prepared statements, one row per transaction, synchronous_commit=on. NoPostgres."""
    with cluster() as held:
        (held.folder / "insert.sql").write_text(INSERT)
        return [_pgbench(held, payload, number, seconds) for number in clients]


def _pgbench(held: Cluster, payload: Payload, clients: int, seconds: float) -> Rate:
    """The last `seconds` of a run: pgbench's time begins before its clients are connected and warm."""
    held.sql("TRUNCATE records; CHECKPOINT;")
    cells = {"subject": SUBJECT, "leaf": f"\\x{payload.leaf.hex()}", "content": f"\\x{payload.content.hex()}"}
    variables = [flag for name, value in cells.items() for flag in ("-D", f"{name}={value}")]
    prefix = f"clients-{clients}"
    held.run(
        "pgbench", "-n", "-M", "prepared", "-f", "insert.sql", "-c", str(clients), "-j", str(min(2, clients)),
        "-T", str(math.ceil(seconds + CONNECT_S + clients / CONNECTIONS_PER_S)), "--log", "--log-prefix", prefix,
        *variables,
    )  # fmt: skip
    logged = [line.split() for path in held.folder.glob(f"{prefix}.*") for line in path.read_text().splitlines()]
    # client, transaction, microseconds, script, end in seconds and microseconds
    ended = [(int(fields[4]) + int(fields[5]) / 1e6, int(fields[2]) / 1e6) for fields in logged]
    first = max(ended, default=(0.0, 0.0))[0] - seconds
    latencies = [latency for end, latency in ended if end > first]
    return Rate.of("PostgreSQL", clients, latencies, len(latencies) / seconds)


def sqlite(folder: Path, payload: Payload, seconds: float) -> list[Rate]:
    """SQLite, WAL, synchronous=FULL, one connection; 64 per transaction stand for 64 clients whose records wait."""
    rates = []
    for size in TRANSACTION_SIZES:
        with closing(sqlite3.connect(folder / f"records-{size}.db", isolation_level=None)) as database:
            database.execute("PRAGMA journal_mode=WAL")
            database.execute("PRAGMA synchronous=FULL")
            database.execute(
                "CREATE TABLE records (idx INTEGER PRIMARY KEY, ts INTEGER NOT NULL, kind TEXT NOT NULL, "
                "request_id TEXT NOT NULL, subject TEXT, leaf BLOB NOT NULL, content BLOB)"
            )
            rates.append(_transactions(database, payload, size, seconds))
    return rates


def _transactions(database: sqlite3.Connection, payload: Payload, size: int, seconds: float) -> Rate:
    latencies, began = list[float](), time.perf_counter()
    sent = began
    while sent - began < seconds:
        first = len(latencies) * size
        rows = [
            (LATER_US, "window", request_id(first + n), SUBJECT, payload.leaf, payload.content) for n in range(size)
        ]
        database.execute("BEGIN")
        database.executemany(
            "INSERT INTO records (ts, kind, request_id, subject, leaf, content) VALUES (?, ?, ?, ?, ?, ?)", rows
        )
        database.execute("COMMIT")
        now = time.perf_counter()
        latencies.append(now - sent)
        sent = now
    return Rate.of("SQLite WAL FULL", size, latencies, len(latencies) * size / (sent - began))
