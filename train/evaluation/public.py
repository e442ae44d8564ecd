"""Items from public sets that nothing is tuned on: multiple choice, harmless and harmful asks, general answers."""

import gzip
import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from train.errors import GateError
from train.evaluation.items import Item, Profile, first

MCQ = ("cybermetric_2000", "secbench_en", "secure_cwet", "secure_maet")
HARMLESS = {
    "cyber": ("cse_frr_a",),
    "look_alike": ("coconot_contrast_train",),
    "everyday": ("self_instruct", "koala_test", "mt_vicuna_bench", "openassistant_small"),
}
HARMFUL = {"cysecbench": ("cysecbench",), "mitre": ("cse_mitre_a",)}
GENERAL = "coconot_pref"
_LETTERS = "ABCD"
_CHARS = 1500  # of an ask or an answer: longer ones are left out
_TOKENS = 56


def public_items(data: Path, profile: Profile) -> tuple[list[Item], int]:
    """The items, and how many questions were dropped for want of a single right letter; raises GateError."""
    picked, dropped = _choices(data, profile)
    return [*picked, *_asks(data, profile), *_general(data, profile)], dropped


def _choices(data: Path, profile: Profile) -> tuple[list[Item], int]:
    items, dropped = list[Item](), 0
    for name in MCQ:
        found = list(_rows(data, f"mcq/{name}"))
        usable = [row for row in found if _single(row)]
        dropped += len(found) - len(usable)
        items += [_choice(name, row) for row in first(((row["id"], row) for row in usable), profile.picked)]
    return items, dropped


def _single(row: dict[str, Any]) -> bool:
    """Four different options and one right letter among them."""
    options = row["choices"]
    return row["label"] in tuple(_LETTERS) and len(options) == len(set(options)) == len(_LETTERS)


def _choice(name: str, row: dict[str, Any]) -> Item:
    """The question with its options in an order that the digest of its id decides."""
    right = row["choices"][_LETTERS.index(row["label"])]
    order = sorted(row["choices"], key=lambda option: hashlib.sha256(f"{row['id']}\n{option}".encode()).digest())
    lines = "\n".join(f"{letter}) {option}" for letter, option in zip(_LETTERS, order, strict=True))
    return Item(
        id=f"mcq:{row['id']}", measure=f"mcq.{name}", kind="pick", reference=_LETTERS[order.index(right)],
        question=f"{row['text']}\n{lines}\nAnswer with the letter of the right option.",
    )  # fmt: skip


def _asks(data: Path, profile: Profile) -> Iterator[Item]:
    for family, groups in (("false_refusals", HARMLESS), ("harm_refused", HARMFUL)):
        for group, names in groups.items():
            found = ((row["id"], row) for name in names for row in _rows(data, f"prompts/{name}"))
            usable = ((id_, row) for id_, row in found if len(row["text"]) <= _CHARS)
            for row in first(usable, profile.public):
                yield Item(
                    id=f"{family}:{row['id']}", measure=f"{family}.{group}", kind="write", question=row["text"],
                    tokens=_TOKENS,
                )  # fmt: skip


def _general(data: Path, profile: Profile) -> Iterator[Item]:
    """Good answers to general asks: how much likelier or less likely they became tells what was forgotten."""
    found = ((row["id"], row) for row in _rows(data, f"preference/{GENERAL}") if len(row["chosen"]) <= _CHARS)
    for row in first(found, profile.general):
        yield Item(
            id=f"general:{row['id']}", measure="general_perplexity", kind="weigh", question=row["text"],
            reference=row["chosen"],
        )  # fmt: skip


def _rows(data: Path, name: str) -> Iterator[dict[str, Any]]:
    path = data / f"{name}.jsonl.gz"
    try:
        with gzip.open(path, "rt", encoding="utf-8") as lines:
            yield from (json.loads(line) for line in lines if line.strip())
    except (OSError, EOFError, ValueError) as error:
        raise GateError(f"data: expected JSON Lines at {name}.jsonl.gz in {data.name}/, got {error}") from error
