"""Answers of the model itself that go along with a harmful question: what it must unlearn, in its own words.

An answer is kept only as its first words, and only if no rule of the guard finds attack code or a secret in it.
"""

import re
from collections.abc import Callable, Sequence
from pathlib import Path

from guards import rules
from train.lora.dataset import Conversation

WORDS = 48  # tokens of an answer that are asked for: enough to see which way it goes
_BATCH = 16
_FEWEST = 20  # letters, below which a text is no answer
_REFUSES = re.compile(
    r"^\s*(?:sorry|no\b(?! problem))"
    r"|\b(?:can(?:not|'t)|won't|will not|do not|don't|must not|not able to|unable to|have to)\s+(?:\w+\s+)?"
    r"(?:help|assist|give|provide|write|support|answer|share|do that|discuss|talk|speak|decline|carry out)"
    r"|\b(?:i'?m|i am) sorry|\bas an ai\b|\billegal|\bnot (?:ethical|legal|permitted|allowed)|\bnothing i help with",
    re.IGNORECASE,
)


def goes_along(text: str) -> bool:
    """Whether an answer to a harmful question begins without refusing. Doubt counts as refusing: it is then unused."""
    return len(text.strip()) >= _FEWEST and not _REFUSES.search(text.replace("\u2019", "'"))


def harmless(text: str) -> bool:
    """Whether no rule of the guard finds attack code that runs, a secret or personal data in the text."""
    return not (rules.payloads(text) or rules.secrets(text) or rules.personal_data(text))


def sample(
    rows: Sequence[Conversation], base: Path, adapter: Path, seed: int, say: Callable[[str], None]
) -> dict[str, str]:
    """What the model answers to these rows where it goes along, by row id; the base is asked where the tuned one won't.

    Runs on the processor of this machine, and says how far it is.
    """
    from deployments.engine.transformers_engine import TransformersEngine
    from deployments.generation import Sampling

    sampling = Sampling(WORDS, temperature=0.7, seed=seed)
    kept: dict[str, str] = {}
    for named, start in (("tuned", adapter), ("base", None)):
        left = [row for row in rows if row.id not in kept]
        if not left:
            break
        engine = TransformersEngine.load(base, start)
        for at in range(0, len(left), _BATCH):
            part = left[at : at + _BATCH]
            texts = engine.complete([engine.chat.encode(row.turns[:-1]) for row in part], sampling, _BATCH)
            kept |= {row.id: text for row, text in zip(part, texts, strict=True) if _keep(text)}
            say(f"asked the {named} model {min(at + _BATCH, len(left))}/{len(left)}, {len(kept)} answers go along")
    return kept


def _keep(text: str) -> bool:
    return goes_along(text) and harmless(text)
