"""The word index of a pack, made by bm25s: which word stands in which document, with its BM25 weight ready summed."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from deployments.knowledge import layout
from deployments.knowledge.words import stems

NAME_WEIGHT = 3  # a word of the name counts as often as three of the text
MOST = 400  # words of a text that are indexed; what a page is about stands at its beginning
_TOLD = ("alias", "synonym", "vendor", "product", "mitigation", "consequence", "section", "logsource", "page", "topic")
Row = Mapping[str, Any]


def searched(things: Sequence[Row]) -> list[int]:
    """The rows of the things that are documents: live ones of the kinds that are searched."""
    return [row for row, each in enumerate(things) if each["status"] == "live" and each["kind"] in layout.SEARCHED]


def write(things: Sequence[Row], folder: Path, context: Callable[[int], Iterable[str]]) -> None:
    """Write index, documents and their kinds. `context`: other names that a thing's row is found under.

    The vocabulary is numbered by the alphabet, so that the same things give the same bytes.
    """
    from bm25s import BM25
    from bm25s.tokenization import Tokenized

    rows = searched(things)
    found = [_words(things[row], context(row)) for row in rows]
    vocabulary = {word: number for number, word in enumerate(sorted({word for each in found for word in each}))}
    index = BM25(method="lucene", csc_backend="numpy")
    index.index(
        Tokenized([[vocabulary[word] for word in each] for each in found], vocabulary),
        create_empty_token=False, show_progress=False,
    )  # fmt: skip
    index.save(folder / layout.LEXICAL)
    np.save(folder / layout.DOCUMENTS, np.array(rows, np.int32))
    kinds = np.array([layout.SEARCHED.index(things[row]["kind"]) for row in rows], np.uint8)
    np.save(folder / layout.KINDS, kinds)


def _words(thing: Row, context: Iterable[str]) -> list[str]:
    facts = dict(thing["facts"] or ())
    told = [value for fact in _TOLD for value in facts.get(fact, ())]
    name = stems(" ".join((thing["id"], thing["name"] or "", *context)))
    return name * NAME_WEIGHT + stems(thing["text"] or "")[:MOST] + stems(" ".join(told))[:MOST]
