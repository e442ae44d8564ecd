"""The bank of wrong answers: flat refusals, and openings that go along. The id of a row picks among them."""

import string
import tomllib
from dataclasses import dataclass
from importlib import resources

from train.teaching.phrasing import forms
from train.teaching.split import number


@dataclass(frozen=True, slots=True)
class Bank:
    """Every phrasing of a kind of wrong answer."""

    refusals: tuple[str, ...]
    complying: tuple[str, ...]
    bare: tuple[str, ...]

    @classmethod
    def load(cls) -> "Bank":
        """Read phrasings.toml; to its refusals come those that the teaching set teaches, without what they are about.

        A model that was taught to refuse refuses too much in just these words.
        """
        told = tomllib.loads(resources.files("train.preference").joinpath("phrasings.toml").read_text("utf-8"))
        taught = [
            _emptied(answer) for name, form in forms().items() if name.startswith("refuse.") for answer in form.answers
        ]
        return cls((*told["refusals"], *taught), tuple(told["complying"]), tuple(told["bare"]))

    def refusal(self, key: str) -> str:
        """A refusal for the row with this id."""
        return self.refusals[number("refusal", key) % len(self.refusals)]

    def opening(self, key: str) -> str:
        """How an answer to this row would begin that goes along with an attack."""
        return self.complying[number("complying", key) % len(self.complying)]

    def shortcut(self, key: str) -> str:
        """How an answer to this row would begin that leaves the lesson out."""
        return self.bare[number("bare", key) % len(self.bare)]


def _emptied(answer: str) -> str:
    """An answer of a bank of phrasings with a plain word in each slot, and nothing after it."""
    slots = {slot for _, slot, _, _ in string.Formatter().parse(answer) if slot}
    return answer.format(**{slot: "" if slot == "protect" else "this" for slot in slots}).rstrip(" :")
