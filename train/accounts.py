"""What a run of ingest says of itself: counts per source and relation, and the manifest that names every file."""

import hashlib
import json
from collections import Counter
from collections.abc import Sequence
from typing import Any

import pyarrow.fs as pafs

from train.parts import Account, located
from train.sources import Source

_REASONS = 'reasons: python -m train.knowledge "select reason, count(*) from quarantine group by reason"'
Manifest = dict[str, Any]


def manifest(made: Sequence[Account], chosen: dict[str, Source]) -> Manifest:
    """All that a reader must know of the knowledge base; the same parts give the same manifest."""
    by_source = {name: [each for each in made if each.source == name] for name in chosen}
    told = {name: _source(chosen[name], accounts) for name, accounts in by_source.items()}
    files = {path: digest for account in made for path, digest in sorted(account.files.items())}
    digest = hashlib.sha256(json.dumps(sorted(files.items())).encode()).hexdigest()
    return {"digest": digest, "sources": told, "files": dict(sorted(files.items()))}


def _source(source: Source, accounts: Sequence[Account]) -> dict[str, Any]:
    def total(field: str) -> dict[str, int]:
        summed: Counter[str] = sum((Counter(getattr(each, field)) for each in accounts), Counter())
        return dict(sorted(summed.items()))

    return {
        "title": source.title,
        "licence": source.licence,
        "feeds": {each.file: each.digest for each in accounts},
        "elements": sum(each.elements for each in accounts),
        "latest": max((each.latest for each in accounts), default=""),
        **{field: total(field) for field in ("outcomes", "kinds", "predicates", "asides")},
    }


def write(out: str, made: Manifest) -> None:
    """Put manifest.json and the drawing of its counts into the knowledge base."""
    from train import counts_figure

    files, root = located(out)
    files.create_dir(root, recursive=True)
    for name, text in (
        ("manifest.json", json.dumps(made, indent=1, sort_keys=True) + "\n"),
        ("counts.svg", counts_figure.draw(made)),
    ):
        with files.open_output_stream(f"{root}/{name}") as stream:
            stream.write(text.encode())


def read(root: str) -> Manifest:
    """The manifest of a knowledge base; raises FileNotFoundError, ValueError."""
    files, path = located(root)
    if files.get_file_info(f"{path}/manifest.json").type != pafs.FileType.File:
        raise FileNotFoundError(f"expected manifest.json in {root}, found none: was train.ingest run?")
    with files.open_input_stream(f"{path}/manifest.json") as stream:
        found: Manifest = json.loads(stream.read())
    return found


def summary(made: Manifest) -> str:
    """One line per source: elements and how they ended, records, relations; and the relations by kind."""
    head = ("source", "elements", "live", "rejected", "revoked", "deprecated", "aside", "quarantined", "records",
            "relations")  # fmt: skip
    lines = [head]
    for name, told in made["sources"].items():
        ends = [told["outcomes"].get(end, 0) for end in head[2:8]]
        sums = (sum(told["kinds"].values()), sum(told["predicates"].values()))
        lines.append((name, *(str(number) for number in (told["elements"], *ends, *sums))))
    widths = [max(len(line[i]) for line in lines) for i in range(len(head))]
    table = ["  ".join(map(_aligned, line, widths, range(len(head)))).rstrip() for line in lines]
    relations: Counter[str] = sum((Counter(told["predicates"]) for told in made["sources"].values()), Counter())
    kinds: Counter[str] = sum((Counter(told["kinds"]) for told in made["sources"].values()), Counter())
    return "\n".join([*table, "", _listed("relations", relations), _listed("records", kinds)])


def _aligned(cell: str, width: int, column: int) -> str:
    return cell.rjust(width) if column else cell.ljust(width)


def _listed(title: str, counts: Counter[str]) -> str:
    return f"{title}: " + ", ".join(f"{name} {number}" for name, number in counts.most_common())


def spoilt(made: Manifest, tolerated: float) -> list[str]:
    """A sentence for each source of which too much was quarantined, or that gave nothing at all."""
    found = []
    for name, told in made["sources"].items():
        bad = told["outcomes"].get("quarantined", 0)
        if told["feeds"] and bad > tolerated * told["elements"]:
            found.append(
                f"{name}: {bad} of {told['elements']} elements quarantined, more than {tolerated:.1%}; {_REASONS}"
            )
    return found
