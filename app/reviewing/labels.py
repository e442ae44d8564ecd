"""What a reviewer may say of an exchange: what it was, what should have happened, and how they came to say it."""

from typing import Literal, get_args

Label = Literal["educational", "dual_use", "harmful", "other_harm", "override"]
Expected = Literal["ALLOW", "TEACH", "REFUSE"]
Means = Literal["human", "scripted", "import"]
LABELS: tuple[str, ...] = get_args(Label)
EXPECTED: tuple[str, ...] = get_args(Expected)
MEANS: tuple[str, ...] = get_args(Means)
