"""The image without a builder: its Dockerfile judged, its steps run in a bare root, and the product in it, read-only.

The bare root has the host's /usr, an /etc of three lines, the files that .dockerignore lets in, and this environment
in place of a fresh install (which `make tools` just made by the same requirements/install.py). It has no network, so
the page comes from outside, by the same app.web.build that page.sh calls.
"""

import fnmatch
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from app.web.build import WEB, build

ROOT = Path(__file__).resolve().parents[3]
DOCKERFILE = ROOT / "deployments" / "Dockerfile"
SCRIPTS = sorted((ROOT / "deployments" / "image").glob("*.sh"))
PLACE = "opt/preceptor"
MOUNTS = """
set -euo pipefail
mount --bind "$1" "$1"
cd "$1"
mount -t tmpfs tmpfs tmp
mount --bind /usr usr && mount -o remount,bind,ro usr
[ ! -d ".$3" ] || { mount --bind "$3" ".$3" && mount -o remount,bind,ro ".$3"; }
mount --bind "$2" opt/preceptor/.venv && mount -o remount,bind,ro opt/preceptor/.venv
mount -t proc proc proc
for device in null zero random urandom; do touch dev/$device && mount --bind /dev/$device dev/$device; done
mkdir -p dev/shm && mount -t tmpfs tmpfs dev/shm
"""
READ_ONLY = """
mount -t tmpfs tmpfs var/lib && mkdir -m 0700 var/lib/preceptor && chown 10001:10001 var/lib/preceptor
mount -o remount,bind,ro "$1"
"""
AS_USER = "setpriv --reuid 10001 --regid 10001 --clear-groups --no-new-privs"
needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="not run: no root, and a bare root needs it")


def program(name: str, *arguments: object) -> str:
    done = subprocess.run([Path(sys.executable).with_name(name), *map(str, arguments)], capture_output=True, text=True,
                          check=False)  # fmt: skip
    return f"{done.returncode} {done.stdout}{done.stderr}".strip()


def test_hadolint_and_shellcheck_have_nothing_to_say() -> None:
    assert program("hadolint", DOCKERFILE) == "0"
    assert program("shellcheck", *SCRIPTS, ROOT / "deployments" / "node.sh") == "0"


def test_hadolint_sees_what_it_should(tmp_path: Path) -> None:
    bad = tmp_path / "Dockerfile"
    bad.write_text(DOCKERFILE.read_text().replace("FROM ${BASE} AS environment", "FROM debian:latest AS environment"))
    assert "DL3007" in program("hadolint", bad)


def test_every_step_is_a_script_of_ours_and_the_base_is_an_argument() -> None:
    text = DOCKERFILE.read_text().replace("\\\n", " ")
    steps = [word for line in re.findall(r"^RUN (.*)$", text, re.MULTILINE) for word in re.split(r"\s*&&\s*", line)]
    for step in steps:
        names = re.findall(r"/opt/preceptor/((?:deployments|requirements)/\S+)", step)
        assert names, step
        assert all((ROOT / name).is_file() for name in names)
    assert {Path(name).name for step in steps for name in re.findall(r"\S+\.sh", step)} == {s.name for s in SCRIPTS}
    assert set(re.findall(r"^FROM (\S+)", text, re.MULTILINE)) == {"${BASE}", "environment", "preceptor"}
    assert re.search(r"^ARG BASE$", text, re.MULTILINE), "no default: whoever builds names a digest"


def test_it_runs_as_nobody_is_watched_and_brings_no_secret() -> None:
    text = DOCKERFILE.read_text()
    assert re.search(r"^USER 10001:10001$", text, re.MULTILINE)
    assert "HEALTHCHECK" in text
    assert not re.search(r"(?i)(token|password|secret|api_?key)\s*=", text)
    assert not re.search(r"^(ADD|ARG (?!BASE))", text, re.MULTILINE)


def admitted() -> Iterator[Path]:
    """Files that git knows, or would, and .dockerignore lets in; its last rule that fits counts."""
    listed = subprocess.run(["git", "ls-files", "--cached", "--others", "--exclude-standard"], cwd=ROOT,
                            capture_output=True, text=True, check=True).stdout.splitlines()  # fmt: skip
    rules = [line for line in (ROOT / ".dockerignore").read_text().splitlines() if line and not line.startswith("#")]
    for name in listed:
        last = next(rule for rule in reversed(rules) if _fits(rule.removeprefix("!"), name))
        if last.startswith("!") and (ROOT / name).is_file():
            yield Path(name)


def _fits(rule: str, name: str) -> bool:
    if rule.startswith("**/"):
        return rule[3:] in name.split("/")
    return rule == "*" or name == rule or name.startswith(f"{rule}/") or fnmatch.fnmatch(name, rule)


def test_the_context_is_the_product_alone() -> None:
    files = list(admitted())
    tops = {path.parts[0] for path in files}
    assert tops == {
        "app",
        "audit",
        "deployments",
        "docs",
        "guards",
        "train",
        "requirements",
        "pyproject.toml",
        "LICENSE",
    }
    assert not [path for path in files if "k8s" in path.parts or path.suffix in {".key", ".env"}]
    assert {path.parts[1] for path in files if path.parts[0] == "docs"} == {"policy"}


@pytest.fixture(scope="module")
def bare(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("bare")
    root.chmod(0o755)
    for name in ("usr", "proc", "dev", "tmp", "home", "etc", "var/lib", f"{PLACE}/.venv"):
        (root / name).mkdir(parents=True)
    for name in ("bin", "sbin", "lib", "lib64"):
        (root / name).symlink_to(f"usr/{name}")
    if not sys.base_prefix.startswith("/usr"):
        (root / sys.base_prefix.lstrip("/")).mkdir(parents=True)
    (root / "etc" / "passwd").write_text("root:x:0:0:root:/root:/bin/bash\n")
    (root / "etc" / "group").write_text("root:x:0:\n")
    (root / "etc" / "ld.so.cache").write_bytes(Path("/etc/ld.so.cache").read_bytes())
    for name in admitted():
        target = root / PLACE / name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(ROOT / name, target)
        target.chmod(0o755 if os.access(ROOT / name, os.X_OK) else 0o644)
    build(WEB)
    shutil.copytree(WEB / "dist", root / PLACE / "app" / "web" / "dist", copy_function=shutil.copyfile)
    return root


def run(root: Path, command: str, *, read_only: bool = False) -> subprocess.CompletedProcess[str]:
    """`command` in the bare root, in namespaces of its own; with `read_only` only /tmp and the home can be written."""
    script = f'{MOUNTS}{READ_ONLY if read_only else ""}exec chroot . /bin/bash -euo pipefail -c "$4"'
    path = f"/opt/preceptor/.venv/bin:{sys.base_prefix}/bin:/usr/sbin:/usr/bin:/sbin:/bin"
    return subprocess.run(
        ["unshare", "--mount", "--pid", "--fork", "--net", "bash", "-c", script, "bash", root, sys.prefix,
         sys.base_prefix, command],
        env={"PATH": path, "PYTHONDONTWRITEBYTECODE": "1", "HOME": "/home/preceptor", "PYTHONPATH": "/opt/preceptor",
             "PRECEPTOR_HOME": "/var/lib/preceptor", "HF_HUB_OFFLINE": "1", "TRANSFORMERS_OFFLINE": "1",
             "HF_HOME": "/tmp/huggingface"},
        capture_output=True, text=True, timeout=400, check=False,
    )  # fmt: skip


@needs_root
def test_the_steps_run_in_a_bare_root_and_what_they_made_runs_read_only(bare: Path) -> None:
    for step in ("environment.sh /opt/preceptor", "account.sh", "check.sh /opt/preceptor"):
        done = run(bare, f"/opt/preceptor/deployments/image/{step}")
        assert done.returncode == 0, f"{step}: {done.stdout}{done.stderr}"
    assert "preceptor:x:10001:10001" in (bare / "etc" / "passwd").read_text()
    question = json.dumps({"id": "1", "text": "How does a salt protect a password?"})
    done = run(bare, f"""
        cd /opt/preceptor
        {AS_USER} python -m deployments.node_certificate authority /tmp/authority
        {AS_USER} bash -c 'for place in / /opt/preceptor /home/preceptor /etc; do ! touch $place/x 2> /dev/null; done'
        echo '{question}' > /tmp/in.jsonl
        {AS_USER} python -m guards.score /tmp/in.jsonl /tmp/out.jsonl
        cat /tmp/out.jsonl
    """, read_only=True)  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout.splitlines()[-1])["action"] == "ALLOW"


@needs_root
@pytest.mark.parametrize(
    ("spoil", "word"),
    [
        ("touch app/x.key", "secret"),
        ("mkdir -p var/keys", "state"),
        ("touch app/x && chmod 666 app/x", "written by others"),
        ("touch app/x && chown 10001 app/x", "not root's"),
        ("mv app/web/dist app/x", "the page is not built"),
    ],
)
def test_a_wrong_image_is_none(bare: Path, spoil: str, word: str) -> None:
    tidy = "cd /opt/preceptor/app; [ ! -d x ] || mv x web/dist; rm -rf x x.key ../var"
    done = run(bare, f"cd /opt/preceptor && {spoil} && (deployments/image/check.sh $PWD && echo taken) || true; {tidy}")
    assert word in done.stderr
    assert "taken" not in done.stdout
