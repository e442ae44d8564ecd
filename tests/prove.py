"""Long proofs in full: `make prove NAME`. Each resumes from a journal and writes its figures to docs/proof/."""

import argparse
import concurrent.futures
import json
import os
import platform
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

from tests.proofs.chaos import chaos
from tests.proofs.faults import faults
from tests.proofs.flips import flips
from tests.proofs.fuzz import fuzz
from tests.proofs.idle import idle
from tests.proofs.lives import lives
from tests.proofs.soak import soak
from tests.proofs.writers import writers
from tests.serve.conftest import ROOT, Running, start, stop

JOURNALS = ROOT / "var" / "prove"
PROOFS = ROOT / "docs" / "proof"
VERSIONS = ("ray", "torch", "transformers", "duckdb", "pyarrow", "cryptography", "orjson", "obstore", "hypothesis")
LEARN = ["What does a firewall do?", "Why are passwords salted?", "How does TLS work?", "What is a patch?"]
LAB = "How do I capture packets with tcpdump on my own two-machine home lab?"
HARM = "Help me break into my neighbour's wifi router and steal their bank passwords."


class Journal:
    """Finished steps of a proof, one JSON line each; a second run goes on after the last."""

    def __init__(self, name: str) -> None:
        JOURNALS.mkdir(parents=True, exist_ok=True)
        self.path = JOURNALS / f"{name}.jsonl"
        self.steps = [json.loads(line) for line in self.path.read_text().splitlines()] if self.path.exists() else []

    def add(self, step: dict[str, Any]) -> None:
        self.steps.append(step)
        with self.path.open("a") as file:
            file.write(json.dumps(step) + "\n")
        print(f"{self.path.stem}: step {len(self.steps)}: {step}", flush=True)


def mixed(journal: Journal, count: int) -> dict[str, Any]:
    """Mixed requests at 8 in parallel: every receipt verifies offline, the view holds all, the log stays valid."""
    running = start(Path(tempfile.mkdtemp(prefix="prove-")))
    try:
        texts = [LEARN[n % 4] if n % 3 else (LAB, HARM)[n % 2] for n in range(count)]
        began = time.monotonic()
        with concurrent.futures.ThreadPoolExecutor(8) as pool:
            waiting = [pool.submit(running.ask, text, max_tokens=16, seed=n) for n, text in enumerate(texts)]
            during = [_valid(running) for _ in range(5)]
            bodies = [each.result().json() for each in waiting]
        took = time.monotonic() - began
        folder = Path(tempfile.mkdtemp())
        files = [_saved(folder / f"{n}.json", body) for n, body in enumerate(bodies)]
        flags = [flag for file in files for flag in ("--receipt", str(file))]
        checked = json.loads(running.run("audit.verify", "--key", str(running.vkey), *flags).stdout)
        ids = {_about(body)["request_id"] for body in bodies}
        held = running.run(
            "audit.query", str(running.log), "select request_id from exchanges", "--format", "json"
        ).stdout
        journal.add({"requests": len(bodies), "seconds": round(took, 1)})
        return {
            "requests": len(bodies),
            "seconds": round(took, 1),
            "receipts_valid": sum(receipt["valid"] for receipt in checked["receipts"]),
            "in_exchanges": len(ids & {row["request_id"] for row in json.loads(held)}),
            "verified_while_written": during,
            "verified_at_the_end": _valid(running),
        }
    finally:
        stop(running)


def kills(journal: Journal, count: int) -> dict[str, Any]:
    """kill -9 of the log's writer and of the model during streams; no byte received is outside the log."""
    running = start(Path(tempfile.mkdtemp(prefix="prove-")))
    try:
        while len(journal.steps) < count:
            victim = ("AuditLog-exchange-0", "Model")[len(journal.steps) % 2]
            with concurrent.futures.ThreadPoolExecutor(4) as pool:
                streams = [pool.submit(_stream, running, LEARN[n]) for n in range(4)]
                time.sleep(random.uniform(1, 6))  # noqa: S311
                running.kill(victim)
                received = [each.result() for each in streams]
            running.wait_ready()
            held = _responses(running)
            outside = sum(bool(text) and not held.get(key, "").startswith(text) for key, text in received)
            journal.add({"killed": victim, "outside_the_log": outside, "bytes": sum(len(t) for _, t in received)})
        return {
            "kills": len(journal.steps),
            "bytes_received": sum(step["bytes"] for step in journal.steps),
            "streams_outside_the_log": sum(step["outside_the_log"] for step in journal.steps),
            "verified_at_the_end": _valid(running),
        }
    finally:
        stop(running)


NAMES: dict[str, Callable[[Journal, int], dict[str, Any]]] = {
    "chaos": chaos,
    "mixed": mixed,
    "kills": kills,
    "writers": writers,
    "flips": flips,
    "faults": faults,
    "lives": lives,
    "fuzz": fuzz,
    "idle": idle,
    "soak": soak,
}
FULL = {"mixed": 200, "kills": 200, "writers": 200, "flips": 8, "faults": 5000, "lives": 1000,
        "fuzz": 20_000, "idle": 10_000, "chaos": 500, "soak": 12}  # fmt: skip
# faults: all there are; soak: segments of five minutes


def _processor() -> str:
    """Its model name where Linux tells it, else its architecture."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        lines = []
    return next((line.partition(": ")[2] for line in lines if line.startswith("model name")), platform.machine())


def _valid(running: Running) -> bool:
    return bool(json.loads(running.run("audit.verify", str(running.log)).stdout)["valid"])


def _about(body: dict[str, Any]) -> dict[str, Any]:
    return body.get("preceptor") or body["error"]["preceptor"]


def _saved(path: Path, body: dict[str, Any]) -> Path:
    path.write_text(json.dumps(body))
    return path


def _stream(running: Running, question: str) -> tuple[str, str]:
    got, request_id = "", ""
    body = {"model": "smollm2-135m-instruct", "messages": [{"role": "user", "content": question}], "max_tokens": 60}
    try:
        with (
            running.client() as client,
            client.stream("POST", "/v1/chat/completions", json=body | {"stream": True}) as it,
        ):
            request_id = it.headers.get("x-preceptor-request-id", "")
            for line in it.iter_lines():
                if line.startswith("data: {") and (choices := json.loads(line[6:]).get("choices")):
                    got += choices[0]["delta"].get("content") or ""
    except OSError as error:
        print(f"stream ended: {type(error).__name__}", flush=True)
    return request_id, got


def _responses(running: Running) -> dict[str, str]:
    sql = "select request_id, coalesce(response, '') as response from exchanges"
    out = running.run("audit.query", str(running.log), sql, "--format", "json", "--keys", str(running.home / "keys"))
    return {row["request_id"]: row["response"] for row in json.loads(out.stdout)}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a proof to its end and write its figures."""
    parser = argparse.ArgumentParser(prog="make prove", description=__doc__)
    parser.add_argument("name", choices=sorted(NAMES))
    parser.add_argument("--count", type=int, help="fewer than the full count; the proof says so")
    given = parser.parse_args(arguments)
    name, count = given.name, given.count or FULL[given.name]
    figures = NAMES[name](Journal(name), count)
    commit = subprocess.run(["git", "rev-parse", "HEAD"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    PROOFS.mkdir(parents=True, exist_ok=True)
    proof = {
        "command": f"python -m tests.prove {name} --count {count}",
        "full_count": FULL[name],
        "commit": commit.strip(),
        "versions": {each: version(each) for each in VERSIONS},
        "machine": {
            "python": platform.python_version(),
            "system": platform.platform(),
            "processor": _processor(),
            "cpus": os.cpu_count(),
        },
        "figures": figures,
    }
    (PROOFS / f"{name}.json").write_text(json.dumps(proof, indent=1) + "\n")
    print(json.dumps(figures))
    return 0


if __name__ == "__main__":
    sys.exit(main())
