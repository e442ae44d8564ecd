"""Whether the control log holds a sign-off of a policy. The Gateway verifies the signature before it answers by one."""

from pathlib import Path

from audit.query import Asker


def has_signoff(root: Path | str, policy_digest: str) -> bool:
    """Look before an emergency deploy, so that a forgotten signature is told at once; raises AuditError, OSError."""
    if not policy_digest.isalnum():
        raise ValueError(f"expected a digest, came {policy_digest!r}")
    sql = f"select 1 from records where kind = 'signoff' and fields->>'policy_digest' = '{policy_digest}' limit 1"  # noqa: S608
    return bool(Asker(root).ask(sql).num_rows)
