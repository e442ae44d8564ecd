"""The ways in which a promotion is answered with no; where nobody could answer it is a GateError."""

from collections.abc import Sequence

from train.errors import TrainingError


class Declined(TrainingError):
    """The root: what was asked for was looked at, and may not be or does not hold."""


class Refused(Declined):
    """An adapter that may not be promoted; `reasons` says why, a sentence each."""

    def __init__(self, reasons: Sequence[str]) -> None:
        super().__init__("refused: " + "; ".join(reasons))
        self.reasons = tuple(reasons)


class Unsure(Declined):
    """The log may have taken a record or not, and could not be asked; to repeat the command settles it."""


class BadSignature(Declined):
    """A folder that is not what was signed, or was signed by another key."""
