"""Family 13: general conversation from a file that the user gives, so that a model does not lose what it could do.

JSON Lines, plain or gzip: {"prompt", "response"} or {"messages": [{"role", "content"}]}, of which the first question
and its answer are taken.
"""

import gzip
import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any, cast

from train.errors import KnowledgeError
from train.records import Origin
from train.teaching.author import Draft, Prose
from train.teaching.phrasing import Phrasing
from train.teaching.split import SIDES, number

SOURCE = "replay"
_LONGEST = 8000  # characters of a question or an answer
_AS_GIVEN = Phrasing("replay.given/0.0", "{prompt}", "{response}", held_out=False)


class BadReplay(KnowledgeError):
    """A line that is no conversation; the message names the file and the line."""


def drafts(path: Path) -> Iterator[Draft]:
    """One pair for each line; raises BadReplay."""
    start = 0
    with _opened(path) as lines:
        for count, line in enumerate(lines, 1):
            data = line.rstrip(b"\r\n")
            if data.strip():
                prompt, response = _exchange(data, f"{path.name}:{count}")
                if max(len(prompt), len(response)) <= _LONGEST:
                    digest = hashlib.sha256(data).hexdigest()
                    origin = Origin(SOURCE, path.name, start, start + len(data), digest)
                    yield _draft(prompt, response, origin)
            start += len(line)


def _opened(path: Path) -> IO[bytes]:
    return cast("IO[bytes]", gzip.open(path, "rb")) if path.suffix == ".gz" else path.open("rb")


def _draft(prompt: str, response: str, origin: Origin) -> Draft:
    share = number("replay", prompt) / 2**64
    side = SIDES[1] if share < 0.05 else SIDES[2] if share < 0.1 else SIDES[0]
    slots = {"prompt": Prose(prompt), "response": Prose(response)}
    return Draft("replay", _AS_GIVEN, slots, (f"replay:{origin.sha256[:16]}",), (origin,), "answer", side, "", "")


def _exchange(data: bytes, place: str) -> tuple[str, str]:
    try:
        line: Any = json.loads(data)
        if "messages" in line:
            turns = {each["role"]: each["content"] for each in reversed(line["messages"])}
            found = turns["user"], turns["assistant"]
        else:
            found = line["prompt"], line["response"]
    except (ValueError, TypeError, KeyError) as error:
        raise BadReplay(
            f"{place}: expected prompt and response, or messages; got {type(error).__name__}: {error}"
        ) from error
    if not all(isinstance(each, str) and each.strip() for each in found):
        raise BadReplay(f"{place}: expected two texts that are not empty")
    return found
