"""Papers: arXiv's Atom feed of abstracts, and OWASP's list of papers on the security of language models (CSV)."""

import hashlib
import re
from collections.abc import Iterator

from train.feeds.cut import Piece, fields
from train.feeds.cut_xml import tree
from train.feeds.cwe import text
from train.feeds.fields import facts, identifier, prose
from train.feeds.read import Known, Place
from train.records import Aside, BadRecord, Item, Record

_PREFIXES = {"arxiv": "http://arxiv.org/schemas/atom", "opensearch": "http://a9.com/-/spec/opensearch/1.1/"}


def read_atom(data: bytes, _: Place) -> Iterator[Item]:
    """One entry of the arXiv API."""
    entry = tree(data, _PREFIXES)

    def said(name: str) -> str:
        node = entry.find(f"{{*}}{name}")
        return "" if node is None else prose(text(node).replace("\n", " "))

    found = re.fullmatch(r"https?://arxiv\.org/abs/(\S+?)(v\d+)?", said("id"))
    if not found or not said("title"):
        raise BadRecord(f"expected an arXiv id and a title, got {said('id')[:80]!r}, {said('title')[:80]!r}")
    links = {link.get("title"): link.get("href", "") for link in entry.findall("{*}link")}
    yield Record(
        identifier(f"arXiv:{found[1]}", r"arXiv:[\w.\-/]{5,40}"), "paper", said("title"), said("summary"),
        version=found[2] or "", modified=said("updated"), url=f"https://arxiv.org/abs/{found[1]}",
        facts=facts(author=[prose(text(node)) for node in entry.findall("{*}author/{*}name")],
                    published=said("published"), pdf=links.get("pdf", ""),
                    category=[node.get("term", "") for node in entry.findall("{*}category")]),
    )  # fmt: skip


def learn(pieces: Iterator[Piece]) -> Known:
    """The names of the columns."""
    first = next(pieces, None)
    try:
        return {"columns": fields(first.data) if first else []}
    except ValueError:
        return {"columns": []}


def read_list(data: bytes, place: Place) -> Iterator[Item]:
    """One row of OWASP's list. It has no ids: the title's digest stands for one."""
    row, columns = fields(data), place.known["columns"]
    if row == columns:
        yield Aside("header")
        return
    if len(row) != len(columns) or "Title" not in columns:
        raise BadRecord(f"expected the {len(columns)} columns of the header, Title among them, got {len(row)}")
    paper = {name: prose(value.replace("\n", " ")) for name, value in zip(columns, row, strict=True)}
    if not any(paper.values()):
        yield Aside("empty row")
        return
    if not paper["Title"]:
        raise BadRecord("Title: expected one, got none")
    digest = hashlib.sha256(f"{paper['Title']}\n{paper.get('Article link', '')}".encode()).hexdigest()[:16]
    yield Record(
        f"llm-papers:{digest}", "paper", paper["Title"], paper.get("Description", ""),
        url=paper.get("Article link", ""),
        facts=facts(author=paper.get("Author", ""), pdf=paper.get("PDF Link", ""),
                    topic=[paper.get(name, "") for name in ("Topics or Themes", "Focus Areas", "Research Methods")]),
    )  # fmt: skip
