"""Receipts out of what people save: a raw tlog-proof, or an HTTP, JSON or SSE response that carries one. Pure."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from audit.errors import BadProof
from audit.keyring import KeyRing
from audit.proof import MAGIC, Proven, check_receipt

MAX_DEPTH = 32
BLANKS = " \t\r\n"  # around a receipt: no other white space, so that a flipped bit in its last newline shows


@dataclass(frozen=True, slots=True)
class Saved:
    """Receipts found, and the text that was shown, if the response tells it."""

    receipts: tuple[str, ...]
    shown: str | None


def read_saved(text: str) -> Saved:
    """What `text` holds; BadProof if no receipt is in it."""
    plain = text.replace("\r\n", "\n").strip(BLANKS) + "\n"
    if plain.startswith(MAGIC):
        return Saved((plain,), None)
    parts = list(_json_parts(plain))
    receipts = tuple(dict.fromkeys(proof for part in parts for proof in _proofs(part, 0)))
    if not receipts:
        raise BadProof("no receipt found: expected a tlog-proof or a response with preceptor.receipt")
    shown = [piece for part in parts for piece in _shown(part)]
    return Saved(receipts, "".join(shown) if shown else None)


def check_saved(text: str, ring: KeyRing) -> list[Proven]:
    """Verify every receipt in `text`, and that the text shown is the text committed to; BadProof, BadNote."""
    saved = read_saved(text)
    proven = [check_receipt(receipt, ring) for receipt in saved.receipts]
    for one in proven:
        if saved.shown is not None and _is_whole(one.leaf) and one.commits_to(saved.shown) is False:
            raise BadProof("the text in the response is not the text that the record commits to")
    return proven


def _is_whole(leaf: dict[str, Any]) -> bool:
    """Whether the record's text is what a complete response shows; what a filter ended may have been held back."""
    finish = (leaf.get("fields") or {}).get("finish_reason")
    return leaf.get("kind") == "lesson" or (leaf.get("kind") == "answer" and finish in ("stop", "length"))


def _json_parts(text: str) -> Iterator[Any]:
    lines = text.split("\n")
    events = [line[5:] for line in lines if line.startswith("data:")]
    start = text.find("{")
    for part in events or [text, *([text[start:]] if start > 0 else [])]:
        try:
            yield json.loads(part)
        except (ValueError, RecursionError):
            continue
        if not events:
            return


def _proofs(value: Any, depth: int) -> Iterator[str]:
    """Only under the names that we give receipts: an answer's own text may quote one."""
    if depth == MAX_DEPTH or not isinstance(value, dict | list):
        return
    if isinstance(value, dict):
        yield from (value[name] for name in ("receipt", "proof") if _is_proof(value.get(name)))
    for item in value.values() if isinstance(value, dict) else value:
        yield from _proofs(item, depth + 1)


def _is_proof(value: Any) -> bool:
    return isinstance(value, str) and value.startswith(MAGIC)


def _shown(value: Any) -> Iterator[str]:
    """The first choice's text, of a whole completion or of one streamed piece."""
    choices = value.get("choices") if isinstance(value, dict) else None
    for choice in choices[:1] if isinstance(choices, list) else []:
        said = (choice.get("message") or choice.get("delta")) if isinstance(choice, dict) else None
        text = said.get("content") if isinstance(said, dict) else None
        if isinstance(text, str):
            yield text
