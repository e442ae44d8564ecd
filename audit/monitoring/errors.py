"""Why the monitor cannot begin, or an alert is still on its way."""

from audit.errors import AuditError


class BadSetup(AuditError):
    """Rules, policy, secret or receivers are not what the monitor can work by."""


class NotDelivered(AuditError):
    """A receiver did not take an alert; the same one may be sent again."""
