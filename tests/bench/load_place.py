"""Where the load goes: a tutor of its own, one that runs on this machine, or one that only its URL is known of."""

import asyncio
import contextlib
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import psutil

from app import keys
from app.auth import Role
from app.settings import Settings
from tests.bench.load_figures import answered_by
from tests.bench.load_processes import of_tutor
from tests.load_client import Asked, Tutor, ask
from tests.serve.conftest import MODELS, start, stop

PEOPLE = 24  # so many that no person's own limits are what is measured: docs/limits.md
TENANTS = 4
KEY_TTL_S = 7 * 86400
READY_S = 180.0
PACKS = MODELS.parent / "packs"
GRAPHS = {"embedded": ("app.run", "smollm2-135m-instruct"), "scripted": ("tests.serve.small", "tiny")}


@dataclass(frozen=True, slots=True)
class Place:
    """A tutor and the keys of those who ask it. home: of a tutor on this machine, else nothing but answers is seen."""

    tutor: Tutor
    keys: Sequence[str]
    url: str
    home: Path | None = None

    @property
    def log(self) -> Path | None:
        """The root of its logs."""
        return self.home and self.home / "audit"

    def processes(self) -> list[psutil.Process]:
        """What runs for it on this machine."""
        return of_tutor(self.home)() if self.home else []

    def ready(self) -> dict[str, Any]:
        """What /readyz says."""
        found: dict[str, Any] = httpx.get(f"{self.url}/readyz", timeout=60, trust_env=False).raise_for_status().json()
        return found


@contextlib.contextmanager
def own(graph: str, pack: Path | None, **env: str) -> Iterator[Place]:
    """A tutor that is started in a temporary folder and stopped at the end; `graph` is one of GRAPHS."""
    module, model = GRAPHS[graph]
    with tempfile.TemporaryDirectory(prefix="load-") as folder:
        home = Path(folder)
        if pack is not None:
            shutil.copytree(pack, home / "packs" / pack.name)
        running = start(home, module=module, **env)  # type: ignore[arg-type]  # what is no other argument
        try:
            place = here(home, running.url, model)
            _wait_for(place, pack if graph == "embedded" else None)
            yield place
        finally:
            stop(running)


def _wait_for(place: Place, pack: Path | None) -> None:
    """Until the knowledge base is read. Raises RuntimeError when that takes too long."""
    until = time.monotonic() + READY_S
    while pack is not None and place.ready()["knowledge"]["pack"] != pack.name:
        if time.monotonic() > until:
            raise RuntimeError(f"expected the knowledge pack {pack.name} within {READY_S:g} s, it was not read")
        time.sleep(0.5)


def here(home: Path, url: str, model: str = GRAPHS["embedded"][1], people: int = PEOPLE) -> Place:
    """The tutor that runs on a home of this machine; the people who ask it get their keys by it."""
    settings = Settings(home=home)
    who = [(f"load-{number}", f"load-{number % TENANTS}", Role.LEARNER) for number in range(people)]
    minted = [keys.mint(settings, url, each, KEY_TTL_S, accept=True) for each in who]
    return Place(Tutor.at(url, model), minted, url, home)


def url_of(home: Path) -> str:
    """Where the tutor of a home says that it is. Raises OSError, KeyError."""
    lines = (home / "run.env").read_text().splitlines()
    return dict(line.partition("=")[::2] for line in lines)["PRECEPTOR_URL"].strip("'\"")


def newest_pack() -> Path | None:
    """The knowledge pack that was made last on this machine, if any was."""
    made = PACKS.glob("*/manifest.json") if PACKS.exists() else ()
    return max((path.parent for path in made), key=lambda path: path.stat().st_mtime, default=None)


async def warm(place: Place, asked: Sequence[Asked], say: Callable[[str], None] = print) -> None:
    """Ask until each question was served once. Raises RuntimeError when that takes too long."""
    until = time.monotonic() + READY_S
    for each in asked:
        while not (heard := await ask(place.tutor, place.keys[0], each)).is_served:
            if time.monotonic() > until:
                raise RuntimeError(f"expected an answer within {READY_S:g} s, got {heard.outcome} {heard.code}")
            await asyncio.sleep(1)
        say(f"{each.kind}: answered by {answered_by(heard)} in {heard.end_s or 0:.1f} s")
