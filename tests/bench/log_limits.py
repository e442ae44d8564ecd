"""What this machine can do at best: the disk's syncs and one core's hashes, ciphers and signatures."""

import hashlib
import os
import time
from collections.abc import Callable
from itertools import count
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from tests.bench.log_records import percentiles_ms

CPU_SECONDS = 0.5
PROBE_SECONDS = 0.3
CALLS_BETWEEN_CLOCKS = 50


def limits(folder: Path, seconds: float) -> dict[str, dict[str, float]]:
    """Each limit by name: `per_s`, for the disk also `p50_ms`, `p95_ms`, `p99_ms`, for SHA-256 also `mb_per_s`."""
    cpu = min(CPU_SECONDS, seconds)
    block, node, page = os.urandom(2048), os.urandom(65), os.urandom(4096)
    cipher, nonce, signer = AESGCM(os.urandom(32)), os.urandom(12), Ed25519PrivateKey.generate()
    verifier, signature = signer.public_key(), signer.sign(block[:200])
    sha256 = _calls_per_s(lambda: hashlib.sha256(block).digest(), cpu)
    return {
        "fdatasync append, 512 B": _appends(folder / "append", seconds),
        "temp, fsync, link, fsync of the folder, 16 KB": _creations(folder, seconds),
        "SHA-256, 2 KB": {"per_s": sha256, "mb_per_s": sha256 * len(block) / 1e6},
        "SHA-256, 65 byte nodes": {"per_s": _calls_per_s(lambda: hashlib.sha256(node).digest(), cpu)},
        "AES-256-GCM, 4 KB": {"per_s": _calls_per_s(lambda: cipher.encrypt(nonce, page, None), cpu)},
        "Ed25519 sign": {"per_s": _calls_per_s(lambda: signer.sign(block[:200]), cpu)},
        "Ed25519 verify": {"per_s": _calls_per_s(lambda: verifier.verify(signature, block[:200]), cpu)},
    }


def probe(folder: Path, seconds: float) -> float:
    """fdatasyncs per second right now: a disk that others use too is not the same in every part of a run."""
    return _appends(folder / "probe", min(PROBE_SECONDS, seconds))["per_s"]


def _appends(path: Path, seconds: float) -> dict[str, float]:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    data = os.urandom(512)

    def append() -> None:
        os.write(descriptor, data)
        os.fdatasync(descriptor)

    try:
        return _timed(append, seconds)
    finally:
        os.close(descriptor)
        path.unlink()


def _creations(folder: Path, seconds: float) -> dict[str, float]:
    """The system calls alone, without our code."""
    data, number, parent = os.urandom(16 * 1024), count(), os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    temporary, made = folder / "temporary", list[Path]()

    def create() -> None:
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL)
        os.write(descriptor, data)
        os.fsync(descriptor)
        os.close(descriptor)
        made.append(folder / f"created-{next(number)}")
        os.link(temporary, made[-1])
        temporary.unlink()
        os.fsync(parent)

    try:
        return _timed(create, seconds)
    finally:
        os.close(parent)
        for path in made:
            path.unlink(missing_ok=True)


def _timed(work: Callable[[], object], seconds: float) -> dict[str, float]:
    """Rate and percentiles of calls made one after the other for `seconds`, at least one."""
    took, began = list[float](), time.perf_counter()
    while True:
        start = time.perf_counter()
        work()
        now = time.perf_counter()
        took.append(now - start)
        if now - began >= seconds:
            break
    p50, p95, p99 = percentiles_ms(took)
    return {"per_s": len(took) / sum(took), "p50_ms": p50, "p95_ms": p95, "p99_ms": p99}


def _calls_per_s(work: Callable[[], object], seconds: float) -> float:
    calls, began = 0, time.perf_counter()
    while (passed := time.perf_counter() - began) < seconds or not calls:
        for _ in range(CALLS_BETWEEN_CLOCKS):
            work()
        calls += CALLS_BETWEEN_CLOCKS
    return calls / passed
