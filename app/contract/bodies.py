"""Bodies that a route reads by hand, as JSON Schema tells them."""

from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from app.records import MAX_RECORDS


class Records(BaseModel):
    """Body of POST /v1/audit/records: entries as audit.record.Entry writes them; the kinds depend on the role."""

    model_config = ConfigDict(extra="forbid")
    records: list[dict[str, Any]] = Field(min_length=1, max_length=MAX_RECORDS)
