"""How fast feeds become a knowledge base, and in how much memory.

    python -m tests.bench.ingest [--json] [--write [DIR]] [--times 10]

Each run is a process of its own, on one core: a CVE zip, the same one ten times as large, and ATT&CK as one bundle,
once and ten times. Beside them the limit: unpacking the same bytes and handing them to json.loads. Then the large zip
on Ray, with one worker and with two.
"""

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
import time
import zipfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

DATA = Path(os.environ.get("PRECEPTOR_DATA", "../shared/data")) / "knowledge"
ZIP, BUNDLE = "cve/2024-10-24_slice_CVEs.zip", "attack/enterprise-attack-18.1.stix20.json.zst"


def larger_zip(source: Path, target: Path, times: int) -> None:
    """The same records under other names."""
    with zipfile.ZipFile(source) as old, zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as new:
        for name in old.namelist():
            data = old.read(name)
            for k in range(times):
                new.writestr(f"{k}/{name}", data)


def larger_bundle(source: Path, target: Path, times: int) -> None:
    """The same objects again and again in one array, without names, so that nothing refers to what is not there."""
    import zstandard

    from train.archives import Limits, members
    from train.feeds.cut_json import items

    objects = [
        piece.data
        for member in members(source, source.name, Limits())
        for piece in items("objects")(member.stream, 1 << 24)
    ]
    with target.open("wb") as file, zstandard.ZstdCompressor(1).stream_writer(file) as out:
        out.write(b'{"type": "bundle", "objects": [')
        for k in range(times):
            out.write(b",".join(objects) + (b"," if k < times - 1 else b""))
        out.write(b"]}")


def one(kind: str, path: Path) -> dict[str, float]:
    """In this process: elements, seconds, peak memory in MiB above what the imports took."""
    from train.convert import File
    from train.parts import Task, make

    parser = "cve" if path.suffix == ".zip" else "stix"
    before = resident("VmRSS")
    Path("/proc/self/clear_refs").write_text("5")  # the peak so far is the imports'
    started = time.perf_counter()
    with tempfile.TemporaryDirectory() as out:
        if kind == "limit":
            elements = sum(1 for _ in parsed(path))
        else:
            elements = make(Task(File(path, path.name, "bench"), parser, "0", out)).elements
    seconds = time.perf_counter() - started
    return {"elements": elements, "seconds": seconds, "per_second": elements / seconds,
            "peak_mib": resident("VmHWM") - before}  # fmt: skip


def resident(line: str) -> float:
    """Memory of this process in MiB, by its name in /proc."""
    (found,) = re.findall(rf"{line}:\s+(\d+) kB", Path("/proc/self/status").read_text())
    return int(found) / 1024


def parsed(path: Path) -> Iterator[Any]:
    """Every element through json.loads, from the same file."""
    import zstandard

    if path.suffix == ".zip":
        with zipfile.ZipFile(path) as archive:
            yield from (json.loads(archive.read(name)) for name in archive.namelist())
    else:
        with path.open("rb") as file:
            yield from json.loads(zstandard.ZstdDecompressor().stream_reader(file).read())["objects"]


def apart(kind: str, path: Path) -> dict[str, float]:
    """`one`, in a process of its own on the first core."""
    command = ["taskset", "-c", "0", sys.executable, "-m", "tests.bench.ingest", "--one", kind, str(path)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return found


def on_ray(path: Path, workers: int) -> float:
    """Elements per second of the zip in eight parts, once the workers run."""
    from train import tasks
    from train.convert import File
    from train.parts import Task

    with tempfile.TemporaryDirectory() as out:
        plan = [Task(File(path, path.name, "bench", (k, 8)), "cve", "0", out) for k in range(8)]
        warm = [Task(File(DATA / ZIP, "warm.zip", "bench", (k, 60)), "cve", "0", out) for k in range(2)]
        list(tasks.run(warm, workers, 1.0))
        started = time.perf_counter()
        elements = sum(account.elements for account in tasks.run(plan, workers, 1.0))
        return elements / (time.perf_counter() - started)


def measure(times: int) -> dict[str, Any]:
    """All figures."""
    import ray

    with tempfile.TemporaryDirectory() as folder:
        zips, bundles = Path(folder) / "large.zip", Path(folder) / "large.json.zst"
        larger_zip(DATA / ZIP, zips, times)
        larger_bundle(DATA / BUNDLE, bundles, times)
        rows = {
            "CVE zip": apart("ours", DATA / ZIP), f"CVE zip, {times} times": apart("ours", zips),
            "CVE zip, json.loads alone": apart("limit", DATA / ZIP),
            "ATT&CK bundle": apart("ours", DATA / BUNDLE), f"ATT&CK bundle, {times} times": apart("ours", bundles),
            "ATT&CK bundle, json.loads alone": apart("limit", DATA / BUNDLE),
        }  # fmt: skip
        ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False)
        workers = {str(count): on_ray(zips, count) for count in (1, 2)}
    return {"times": times, "rows": rows, "workers": workers, "scaling": workers["2"] / workers["1"],
            "processors": os.cpu_count(), "load_before": os.getloadavg()[0]}  # fmt: skip


def table(found: dict[str, Any]) -> str:
    """What a reader sees."""
    lines = [f"{'':34}{'elements':>10}{'s':>8}{'per s and core':>16}{'peak MiB':>10}"]
    for name, row in found["rows"].items():
        lines.append(
            f"{name:34}{row['elements']:>10.0f}{row['seconds']:>8.1f}{row['per_second']:>16,.0f}{row['peak_mib']:>10.0f}"
        )
    one, two = found["workers"]["1"], found["workers"]["2"]
    lines.append(f"on Ray: 1 worker {one:,.0f} elements/s, 2 workers {two:,.0f}, {found['scaling']:.2f} times")
    return "\n".join(lines)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; the exit status."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.ingest", description=__doc__)
    parser.add_argument("--times", type=int, default=10)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--write", nargs="?", const="docs/proof", metavar="DIR")
    parser.add_argument("--one", nargs=2, help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    if options.one:
        print(json.dumps(one(options.one[0], Path(options.one[1]))))
        return 0
    if not DATA.is_dir():
        print("not run: no data (PRECEPTOR_DATA names no folder)")
        return 0
    found = measure(options.times)
    print(table(found))
    if options.write:
        (Path(options.write) / "ingest.json").write_text(json.dumps(found, indent=1) + "\n")
    if options.json:
        print(json.dumps(found))
    return 0


if __name__ == "__main__":
    sys.exit(main())
