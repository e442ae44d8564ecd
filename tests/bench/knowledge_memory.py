"""What a pack costs in memory: two processes that read the same one, nothing else in them, after some questions.

    python -m tests.bench.knowledge_memory PACK encoded|words

A process says what it holds once both are ready. Rss counts shared pages in both, Pss half of them in each, private is
what a second reader adds.
"""

import re
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

NAMES = ("Rss", "Pss", "Private_Dirty")


def resident(folder: Path, *, encoded: bool) -> dict[str, float]:
    """MiB of each of two readers, the mean; `bare` is a reader's process before it opens anything."""
    command = [sys.executable, "-m", "tests.bench.knowledge_memory", str(folder), "encoded" if encoded else "words"]
    readers = [subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    bare = [float(_line(reader)) for reader in readers]
    for reader in readers:
        _line(reader)  # ready
    held = []
    for reader in readers:
        _say(reader)
        held.append([float(each) for each in _line(reader).split()])
    for reader in readers:  # the pages are shared for as long as both are there
        _say(reader)
        reader.wait(60)
    means = {name: sum(each[place] for each in held) / 2 for place, name in enumerate(NAMES)}
    return {"bare": round(sum(bare) / 2, 1), **{name.lower(): round(value, 1) for name, value in means.items()}}


def _line(reader: "subprocess.Popen[str]") -> str:
    assert reader.stdout is not None
    return reader.stdout.readline().strip()


def _say(reader: "subprocess.Popen[str]") -> None:
    assert reader.stdin is not None
    reader.stdin.write("\n")
    reader.stdin.flush()


def held(name: str) -> float:
    """MiB of this process by a name in /proc/self/smaps_rollup."""
    (found,) = re.findall(rf"^{name}:\s+(\d+) kB", Path("/proc/self/smaps_rollup").read_text(), re.MULTILINE)
    return int(found) / 1024


def main(arguments: Sequence[str]) -> int:
    """Be one reader."""
    print(held("Rss"), flush=True)
    from deployments.knowledge.encoder import Encoder
    from deployments.knowledge.knowledge import Knowledge
    from tests.bench.knowledge_asked import natural

    encode = Encoder.load().encode if arguments[1] == "encoded" else None
    knowledge = Knowledge.open(Path(arguments[0]), encode)
    for question in natural():
        knowledge.answer(question.text)
        knowledge.search(question.text)
    print("ready", flush=True)
    sys.stdin.readline()
    print(*(held(name) for name in NAMES), flush=True)
    sys.stdin.readline()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
