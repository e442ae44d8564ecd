"""One labelled text of the guard's data, and what its labels mean."""

from dataclasses import dataclass

EDUCATIONAL, DUAL_USE, HARMFUL, OTHER_HARM, UNKNOWN = 0, 1, 2, 3, -1
NAMES = ("educational", "dual_use", "harmful", "other_harm")


@dataclass(frozen=True, slots=True)
class Row:
    """intent: index into NAMES or -1; override: 0, 1 or -1; -1 teaches nothing and is not measured.

    split: train; stop (whole sources that choose the epoch); tune (clusters that fit temperatures and thresholds);
    known (clusters of trained sources, only measured); test (whole sources, only measured).
    pair: rows with the same one share words on purpose and stay on one side.
    """

    text: str
    intent: int
    override: int
    source: str
    split: str = "train"
    language: str = "english"
    pair: str = ""

    @property
    def label(self) -> str:
        """The class that is measured: override where the row is one, else the intent."""
        return "override" if self.override == 1 else NAMES[self.intent]
