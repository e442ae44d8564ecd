"""What model card and bill of materials say of every adapter that Preceptor tunes: its use, and where that ends."""

TASK = "text-generation"
INTENDED = (
    "To teach information security behind Preceptor's guard: facts about weaknesses, vulnerabilities, attack patterns "
    "and their defences, lessons where a permission is needed first, and refusals of harmful orders."
)
_ALONE = (
    "It is one part of a system. Without the guard, the rules and the log around it nothing stands between a harmful "
    "question and its answer, and it must not be served alone."
)
_FACTS = (
    "Facts are those of the dataset on the day it was made. Names, numbers and scores may be wrong; look them up "
    "before acting on them."
)
LIMITS = (
    _ALONE,
    _FACTS,
    "It was tuned and measured in English. In other languages refusals and lessons are untested.",
    "Intervals tell the chance of the choice of items, not that of another seed or of another way to ask.",
    "No measure here says how it withstands an attacker who adapts to it.",
)
