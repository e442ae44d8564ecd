"""Field types that record shapes are made of: bounded, closed, strict; no floats."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, StrictBool, StrictInt, StrictStr

MAX_INT = 2**53 - 1  # what JSON readers in every language hold exactly

Name = Annotated[str, Field(min_length=1, max_length=256)]
Count = Annotated[int, Field(ge=0, le=MAX_INT)]
Signed = Annotated[StrictInt, Field(ge=-MAX_INT, le=MAX_INT)]
Ppm = Annotated[int, Field(ge=0, le=1_000_000)]
Digest = Annotated[str, Field(min_length=1, max_length=128)]
Parameter = Signed | Annotated[StrictStr, Field(max_length=256)] | StrictBool | None
Decided = Literal["ALLOW", "TEACH", "REFUSE", "REDACT"]


class Shape(BaseModel):
    """Closed and strict: an unknown field or a near type is an error."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)
