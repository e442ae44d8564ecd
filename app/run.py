"""The launcher behind `make run`: checks, Ray, the graph, the lines to copy; then it waits, and stops what it started.

    python -m app.run [--with-parent]

Stopping is by mark (`app.cleanup`), never by `ray stop`: other Ray clusters on the machine are not touched.
"""

import argparse
import json
import os
import secrets
import shlex
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from http.client import HTTPException
from pathlib import Path
from types import FrameType

from app import cleanup, cluster, deploy, doctor, parent
from app.cleanup import Run
from app.cluster import Cluster
from app.doctor import CannotStart, WrongSetting
from app.settings import Settings
from audit.errors import AuditError


@dataclass(frozen=True, slots=True)
class Graph:
    """What is deployed: Serve's file, what must be there before, who mints the key that is printed and the monitor's.

    Without a key for it no monitor is started. refresh has a first knowledge pack made, and names the job that does.
    """

    config: Path
    prepare: Callable[[Settings, deploy.Say], None]
    key: Callable[[Settings, str], str]
    monitor_key: Callable[[Settings, str], str] | None = None
    refresh: Callable[[Settings, Cluster], str | None] | None = None


def tutor() -> Graph:
    """The tutor itself."""
    from app.founding import prepare
    from app.keys import demo_key
    from app.refresh import submit
    from app.watch import monitor_key

    return Graph(doctor.ROOT / "deployments" / "serve.yaml", prepare, demo_key, monitor_key, submit)


def main(arguments: Sequence[str] | None = None, graph: Callable[[], Graph] = tutor) -> int:
    """Exit 0 after an orderly stop, 1 when the tutor could not start or go on, 2 for a wrong setting."""
    parser = argparse.ArgumentParser(prog="python -m app.run", description="Start the tutor and wait.")
    parser.add_argument("--with-parent", action="store_true", help="stop when the program that started me ends")
    if parser.parse_args(arguments).with_parent:
        parent.follow()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _interrupt)
    return attempt(graph)


def attempt(graph: Callable[[], Graph]) -> int:
    """Launch, and turn every foreseen failure into one clear line and an exit status."""
    try:
        launch(doctor.read_settings(), graph)
    except WrongSetting as error:
        complain(str(error))
        return 2
    except (CannotStart, AuditError) as error:
        complain(str(error))
        return 1
    except OSError as error:
        complain(f"{error.strerror or error}{f': {error.filename}' if error.filename else ''}")
        return 1
    except KeyboardInterrupt:
        return 0
    return 0


def launch(settings: Settings, graph: Callable[[], Graph]) -> None:
    """Start, wait for a signal or for Ray's end, and leave nothing behind."""
    if problem := doctor.home(settings):
        raise CannotStart(problem)
    with cleanup.alone(settings.home) as lock:
        if (leftover := cleanup.load(settings.home)) is not None:
            say("cleaning up after a start that was killed")
            cleanup.clean(settings.home, leftover)
        doctor.examine(settings)
        temp = tempfile.mkdtemp(prefix="preceptor-", dir=doctor.socket_root())
        run = Run(secrets.token_hex(8), os.getpid(), temp)
        run.save(settings.home)
        watchdog = cleanup.watchdog(settings.home, run, lock)
        try:
            serve(settings, run, graph())
        finally:
            ignore_signals()
            complain("stopping Ray")
            cleanup.clean(settings.home, cleanup.load(settings.home) or run)
            watchdog.communicate()


def serve(settings: Settings, run: Run, graph: Graph) -> None:
    """Prepare, start Ray, deploy, say where the tutor is; returns only by an exception."""
    began = time.monotonic()
    graph.prepare(settings, say)
    say("starting Ray")
    ray = cluster.start(settings, run)
    run = replace(run, session=ray.head.pid)
    run.save(settings.home)
    cluster.wait_until_up(ray, run)
    say("deploying the graph")
    url = address(settings)
    deploy.deploy(ray, deploy.render(settings, graph.config))
    try:
        deploy.wait_until_ready(ray, url, say)
        lines = where(settings, ray, url, graph.key(settings, url))
        write_run_env(settings, lines | ray.client_environment())
        check = _watch(settings, run, graph, url)
        _refresh(settings, ray, graph)
        say(f"ready after {time.monotonic() - began:.0f} s; Ctrl-C stops everything")
        print("\n".join(f"{name}={value}" for name, value in lines.items()), flush=True)
        print(curl(settings, url, lines["PRECEPTOR_API_KEY"]), flush=True)
        while True:
            ray.check()
            check()
            time.sleep(0.5)
    except KeyboardInterrupt:
        ignore_signals()
        complain("stopping: letting what streams finish")
        deploy.undeploy(ray)
        raise


def _refresh(settings: Settings, ray: Cluster, graph: Graph) -> None:
    """Have a first knowledge pack made beside the tutor, which runs whatever becomes of that.

    Not in production: what reads feeds has no place in a serving cluster there, see docs/threat-model.md.
    """
    if graph.refresh is None or not settings.refresh or settings.mode == "production":
        return
    try:
        job = graph.refresh(settings, ray)
    except (OSError, HTTPException, ValueError) as failure:
        complain(f"no job makes a knowledge pack, answers do without: {type(failure).__name__}: {failure}")
        return
    if job:
        say(f"no knowledge pack yet: job {job} makes one in the background; PRECEPTOR_REFRESH=0 leaves that")


def _watch(settings: Settings, run: Run, graph: Graph, url: str) -> Callable[[], None]:
    """What keeps the monitor running, called now and then."""
    if graph.monitor_key is None:
        return lambda: None
    from app.watch import Watch

    return Watch(settings, url, run, graph.monitor_key(settings, url), complain).check


def address(settings: Settings) -> str:
    """The tutor's URL as seen from this machine."""
    host = "127.0.0.1" if settings.host in {"0.0.0.0", "::"} else settings.host  # noqa: S104 - compared, not bound
    return f"http://{host}:{settings.port}"


def where(settings: Settings, ray: Cluster, url: str, key: str) -> dict[str, str]:
    """The lines that a start ends with."""
    return {
        "PRECEPTOR_URL": url,
        "PRECEPTOR_API_KEY": key,
        "PRECEPTOR_LOG": str(settings.audit),
        "PRECEPTOR_VKEY": str(settings.vkey),
        "PRECEPTOR_DASHBOARD": ray.dashboard,
    }


def write_run_env(settings: Settings, lines: dict[str, str]) -> None:
    """`<home>/run.env`, mode 0600: what a second shell needs for `ray`, `serve` and our own commands."""
    place = {"PRECEPTOR_HOME": str(settings.home), "PRECEPTOR_PORT": str(settings.port)}
    path = settings.home / cleanup.RUN_ENV
    path.unlink(missing_ok=True)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.writelines(f"{name}={shlex.quote(value)}\n" for name, value in (lines | place).items())


def curl(settings: Settings, url: str, key: str) -> str:
    """A question to paste into a shell."""
    body = {"model": settings.model, "messages": [{"role": "user", "content": "What is SQL injection?"}]}
    headers = f"-H 'Authorization: Bearer {key}' -H 'Content-Type: application/json'"
    return f"curl -sS {url}/v1/chat/completions {headers} -d '{json.dumps(body)}'"


def say(line: str) -> None:
    """Progress, flushed: stdout is often a pipe."""
    print(f"preceptor: {line}", flush=True)


def complain(text: str) -> None:
    """Problems and what comes after the printed lines go to stderr; a reader that has gone away is no problem."""
    try:
        print("\n".join(f"preceptor: {line}" for line in text.splitlines()), file=sys.stderr, flush=True)
    except OSError:
        return


def ignore_signals() -> None:
    """From here on stopping runs to its end, however often Ctrl-C is pressed."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)


def _interrupt(_number: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(main())
