"""bm25s beside tantivy-py over one knowledge base: size, build, memory, speed, and whether a second build is the same.

    python -m tests.bench.knowledge_engines --root var/knowledge [--times 10] [--json]

Each engine is measured in a process of its own, on one core. `--times` repeats the records, to see what grows. Needs
both packages; neither tantivy nor this comparison is part of what ships.
"""

import argparse
import hashlib
import json
import os
import re
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

WORD = re.compile(r"[a-z0-9]+")
ENGINES = ("bm25s", "tantivy")
QUERIES = 300
TOP = 20


def texts(root: str, times: int) -> list[str]:
    """Name and text of every live record that may be answered from."""
    from train.knowledge import ask

    found = ask(root, "select name || '\n' || text as text from things where kind <> 'exercise' order by id")
    return list(found.column("text").to_pylist()) * times


def queries(documents: Sequence[str]) -> list[str]:
    """Twelve words out of the middle of every so-many-th text."""
    words = (WORD.findall(each.lower()) for each in documents[:: max(len(documents) // QUERIES, 1)])
    return [" ".join(each[len(each) // 2 :][:12]) for each in words if each]


def memory(name: str) -> float:
    """MiB of this process by a name in /proc/self/smaps_rollup."""
    (found,) = re.findall(rf"^{name}:\s+(\d+) kB", Path("/proc/self/smaps_rollup").read_text(), re.MULTILINE)
    return int(found) / 1024


def folder_digest(folder: Path) -> str:
    """One digest of all names and bytes of a folder."""
    seen = hashlib.sha256()
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            seen.update(path.name.encode() + path.read_bytes())
    return seen.hexdigest()


def build_bm25s(documents: Sequence[str], folder: Path) -> None:
    """An index by bm25s."""
    import bm25s
    from bm25s.tokenization import Tokenized

    found = [WORD.findall(each.lower()) for each in documents]
    vocabulary = {word: number for number, word in enumerate(sorted({word for words in found for word in words}))}
    ids = [[vocabulary[word] for word in words] for words in found]
    engine = bm25s.BM25(method="lucene", csc_backend="numpy")
    engine.index(Tokenized(ids, vocabulary), create_empty_token=False, show_progress=False)
    engine.save(folder)


def open_bm25s(folder: Path) -> Callable[[str], int]:
    """A search over the index, memory-mapped."""
    import bm25s
    import numpy as np

    engine = bm25s.BM25.load(folder, mmap=True)

    def search(query: str) -> int:
        scores = engine.get_scores(WORD.findall(query.lower()))
        return int(np.argpartition(-scores, TOP)[:TOP].size)

    return search


def build_tantivy(documents: Sequence[str], folder: Path) -> None:
    """An index by tantivy, one thread, one segment."""
    import tantivy

    folder.mkdir(exist_ok=True)
    schema = tantivy.SchemaBuilder().add_integer_field("row", stored=True).add_text_field("text").build()
    index = tantivy.Index(schema, path=str(folder))
    writer = index.writer(heap_size=200_000_000, num_threads=1)
    for row, text in enumerate(documents):
        writer.add_document(tantivy.Document(row=row, text=text))
    writer.commit()
    writer.wait_merging_threads()


def open_tantivy(folder: Path) -> Callable[[str], int]:
    """A search over the index, memory-mapped."""
    import tantivy

    index = tantivy.Index.open(str(folder))
    index.reload()
    searcher = index.searcher()

    def search(query: str) -> int:
        hits = searcher.search(index.parse_query(query, ["text"]), TOP).hits
        return len([searcher.doc(place)["row"] for _, place in hits])

    return search


BUILD = {"bm25s": build_bm25s, "tantivy": build_tantivy}
OPEN = {"bm25s": open_bm25s, "tantivy": open_tantivy}


def built(engine: str, root: str, times: int, folder: Path) -> dict[str, Any]:
    """In this process: seconds to build, bytes, digest."""
    documents = texts(root, times)
    (folder / "queries.json").write_text(json.dumps(queries(documents)))
    started = time.process_time()
    BUILD[engine](documents, folder / "index")
    seconds = time.process_time() - started
    size = sum(path.stat().st_size for path in (folder / "index").rglob("*") if path.is_file())
    return {"documents": len(documents), "build_s": seconds, "mib": size / 2**20,
            "digest": folder_digest(folder / "index")}  # fmt: skip


def asked(engine: str, folder: Path) -> dict[str, Any]:
    """In this process: milliseconds of processor to open, per query, and MiB gained since before the imports."""
    import numpy as np  # the replica has it anyway

    asking = json.loads((folder / "queries.json").read_text())
    assert np.__version__
    before = {name: memory(name) for name in ("Rss", "Pss_Dirty")}
    started = time.process_time()
    search = OPEN[engine](folder / "index")
    opened = time.process_time() - started
    spent = []
    for query in asking * 2:
        began = time.process_time()
        search(query)
        spent.append((time.process_time() - began) * 1000)
    warm = sorted(spent[len(asking) :])
    return {"open_ms": opened * 1000, "p50_ms": statistics.median(warm), "p95_ms": warm[int(len(warm) * 0.95)],
            "rss_mib": memory("Rss") - before["Rss"],
            "private_mib": memory("Pss_Dirty") - before["Pss_Dirty"]}  # fmt: skip


def apart(*arguments: str) -> dict[str, Any]:
    """One measurement in a process of its own, on the first core."""
    command = ["taskset", "-c", "0", sys.executable, "-m", "tests.bench.knowledge_engines", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def measure(root: str, times: int) -> dict[str, Any]:
    """All figures of both engines."""
    rows = {}
    for engine in ENGINES:
        with tempfile.TemporaryDirectory() as one, tempfile.TemporaryDirectory() as two:
            first = apart("--build", engine, "--folder", one, "--root", root, "--times", str(times))
            again = apart("--build", engine, "--folder", two, "--root", root, "--times", str(times))
            same = first.pop("digest") == again.pop("digest")
            rows[engine] = {**first, **apart("--ask", engine, "--folder", one), "same_bytes": same}
    return {"times": times, "load": os.getloadavg()[0], "rows": rows}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; the exit status."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.knowledge_engines", description=__doc__)
    parser.add_argument("--root", default="var/knowledge")
    parser.add_argument("--times", type=int, default=1)
    parser.add_argument("--json", action="store_true")
    for hidden in ("--build", "--ask", "--folder"):
        parser.add_argument(hidden, help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    if options.build:
        print(json.dumps(built(options.build, options.root, options.times, Path(options.folder))))
        return 0
    if options.ask:
        print(json.dumps(asked(options.ask, Path(options.folder))))
        return 0
    found = measure(options.root, options.times)
    for engine, row in found["rows"].items():
        print(engine, *(f"{name}={value:.2f}" if isinstance(value, float) else f"{name}={value}"
                        for name, value in row.items()))  # fmt: skip
    if options.json:
        print(json.dumps(found))
    return 0


if __name__ == "__main__":
    sys.exit(main())
