"""Whether an adapter takes effect: one fixed question, asked with it and without."""

from pathlib import Path
from typing import Any

from deployments.chat import ChatFormat, Turn
from deployments.generation import AdapterDoesNotFit, AdapterHasNoEffect

QUESTION = "What is a buffer overflow?"


def prompt(chat: ChatFormat) -> list[int]:
    """The tokens of the question."""
    return chat.encode([Turn("user", QUESTION)])


def require_effect(folder: Path, before: Any, after: Any) -> None:
    """Hold the logits without and with an adapter side by side; raises AdapterHasNoEffect or AdapterDoesNotFit."""
    if before.equal(after):
        raise AdapterHasNoEffect(f"adapter {folder.name}: expected other logits than the base's, came the same")
    if not bool(after.isfinite().all()):
        raise AdapterDoesNotFit(f"adapter {folder.name}: expected finite logits, came others")
