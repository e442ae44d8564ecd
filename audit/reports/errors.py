"""What may be wrong with an order for a report; a leaf of the package's tree in `audit.errors`."""

from __future__ import annotations

from audit.errors import AuditError


class BadOrder(AuditError):
    """A report's name, period, evidence or target is not usable; says expected and got."""
