"""The conversation in a request's text, and the part of it that stands for it in a row."""

import hashlib
import json
from collections.abc import Sequence

from deployments.chat import Turn

WORDS = 90  # about what one window of the encoder holds


class BadPrompt(ValueError):
    """A request's text that is no conversation in JSON."""


def turns_of(prompt: str) -> tuple[Turn, ...]:
    """The turns as the model saw them: whoever is not the assistant spoke as a user. Raises BadPrompt."""
    try:
        messages = json.loads(prompt)["messages"]
        turns = tuple(
            Turn("assistant" if each["role"] == "assistant" else "user", each["content"]) for each in messages
        )
        "".join(turn.content for turn in turns).encode()  # a lone surrogate has no bytes, and so no digest
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        raise BadPrompt("expected an object with messages of role and content") from error
    if not turns or turns[-1].role != "user" or not turns[-1].content.strip():
        raise BadPrompt("expected a conversation that ends with what a user asks")
    return turns


def asked(turns: Sequence[Turn]) -> str:
    """What was asked, for the guard: the last turn of the user's, and of those before as many as one window holds."""
    said = [turn.content for turn in turns if turn.role == "user"]
    kept, room = [said[-1]], WORDS - len(said[-1].split())
    for text in reversed(said[:-1]):
        room -= len(text.split())
        if room < 0:
            break
        kept.insert(0, text)
    return "\n".join(kept)


def digest(text: str) -> str:
    """SHA-256 of a text, hex: the name of a row."""
    return hashlib.sha256(text.encode()).hexdigest()
