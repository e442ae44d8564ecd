"""The two rules that look at single records, at once, and that nothing suppresses. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from audit.monitoring.alert import Alert, Severity
from audit.monitoring.categories import Categories
from audit.record import Kind

HIGH_RISK, FORBIDDEN = "high_risk", "forbidden_output"
KINDS = frozenset({Kind.request, Kind.answer})
REDTEAM = "redteam"  # the role of who attacks on behalf of the operator


def judge(leaf: Mapping[str, Any], categories: Categories) -> Alert | None:
    """The alert that a `request` or `answer` record calls for: one per exchange, joined to its person."""
    fields, category = leaf["fields"], leaf["fields"]["category"]
    if leaf["kind"] == Kind.request and fields["action"] == "REFUSE" and categories.is_high_risk(category):
        return _about(leaf, HIGH_RISK, "info" if fields["role"] == REDTEAM else "critical")
    # a record tells payloads from prose by their category, but not code from prose that a classifier stopped:
    # so whatever was stopped counts, unless it was stopped for a secret or a person's data
    cut = leaf["kind"] == Kind.answer and fields["finish_reason"] == "content_filter"
    return _about(leaf, FORBIDDEN, "critical") if cut and not categories.is_redacted(category) else None


def _about(leaf: Mapping[str, Any], rule: str, severity: Severity) -> Alert:
    return Alert.found(
        rule,
        severity,
        about=leaf["request_id"],
        tenant=leaf["tenant"],
        subject=leaf["subject"],
        value_ppm=leaf["fields"]["score_ppm"],
    )
