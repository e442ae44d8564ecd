"""Keys for people: `python -m app.keys mint|list|revoke`. Each grant and each revocation is a record.

    python -m app.keys mint --subject ada --role learner [--tenant school] [--ttl 30d] [--no-accept]
    python -m app.keys list
    python -m app.keys revoke JTI

The server must run: only its writer holds the log. Minting prints the key alone on stdout.
"""

import argparse
import os
import re
import sys
from collections.abc import Mapping, Sequence
from urllib.error import URLError

from uuid_utils import uuid7

from app.auth import Principal, Role, TokenKey
from app.settings import Settings, from_environment
from app.terms import Terms
from audit import query
from audit.client import AuditClient
from audit.errors import AuditError
from audit.record import Entry, Kind

OPERATOR_TTL_S = 60
SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400}
GRANTS = """
select fields->>'jti' as jti, fields->>'role' as role, tenant, subject,
       make_timestamp((fields->>'expires_us')::bigint) as expires,
       (fields->>'jti') in (select fields->>'jti' from records where kind = 'revocation') as revoked
from records where kind = 'grant' order by ts
"""


def mint(settings: Settings, url: str, who: tuple[str, str, Role], ttl_s: int, *, accept: bool) -> str:
    """A new key for (subject, tenant, role); its grant, and unless told otherwise the operator's acceptance of the
    terms on the subject's behalf, are records before the key is returned. Raises AuditError, URLError."""
    subject, tenant, role = who
    key = TokenKey.load(settings.keys)
    token, principal = key.mint(subject, tenant, role, ttl_s)
    grant = {"jti": principal.jti, "role": role.value, "expires_us": principal.expires * 1_000_000}
    entries = [_entry(Kind.grant, principal, grant)]
    if accept:
        terms = Terms.load()
        entries.append(_entry(Kind.terms, principal, {"terms_digest": terms.digest, "version": terms.version}))
    _append(key, url, entries)
    return token


def revoke(settings: Settings, url: str, jti: str) -> None:
    """Revoke a key by its id; every Gateway refuses it within seconds."""
    key = TokenKey.load(settings.keys)
    _append(
        key, url, [Entry(Kind.revocation, str(uuid7()), 0, "preceptor", "operator", {"jti": jti}, actor="operator")]
    )


def demo_key(settings: Settings, url: str) -> str:
    """The key that `make run` prints: a learner who may ask at once."""
    return mint(settings, url, ("demo", "demo", Role.LEARNER), 30 * 86400, accept=True)


def _entry(kind: Kind, who: Principal, fields: Mapping[str, object]) -> Entry:
    return Entry(kind, str(uuid7()), 0, who.tenant, who.subject, fields, actor="operator")


def _append(key: TokenKey, url: str, entries: Sequence[Entry]) -> None:
    token, _ = key.mint("operator", "preceptor", Role.ADMIN, OPERATOR_TTL_S)
    for result in AuditClient(url, token).append(entries):
        if "error" in result:
            raise AuditError(f"the log refused a record: {result['error'].get('message')}")


def _ttl(text: str) -> int:
    match = re.fullmatch(r"(\d+)([smhd])", text)
    if not match or int(match[1]) == 0:
        raise argparse.ArgumentTypeError(f"expected a time like 15m, 12h or 30d, came {text!r}")
    return int(match[1]) * SECONDS[match[2]]


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m app.keys", description="Mint, list and revoke keys.")
    default_url = os.environ.get("PRECEPTOR_URL", "http://127.0.0.1:8000")
    parser.add_argument("--url", default=default_url, help="the running server (default: PRECEPTOR_URL)")
    commands = parser.add_subparsers(dest="command", required=True)
    minting = commands.add_parser("mint", help="make a key; prints it alone on stdout")
    minting.add_argument("--subject", required=True, help="who will hold the key")
    minting.add_argument("--tenant", default="default")
    minting.add_argument("--role", type=Role, choices=list(Role), default=Role.LEARNER)
    minting.add_argument("--ttl", type=_ttl, default="30d", help="life time, e.g. 15m, 12h, 30d")
    minting.add_argument("--no-accept", action="store_true", help="let the holder accept the terms")
    commands.add_parser("list", help="all grants and whether they are revoked")
    revoking = commands.add_parser("revoke", help="revoke a key")
    revoking.add_argument("jti", help="the key's id, as `list` shows it")
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Exit 0 done, 1 refused or unreachable, 2 usage."""
    given = _parser().parse_args(arguments)
    settings = from_environment()
    try:
        if given.command == "mint":
            who = (given.subject, given.tenant, given.role)
            print(mint(settings, given.url, who, given.ttl, accept=not given.no_accept))
        elif given.command == "list":
            return query.main([str(settings.audit), GRANTS])
        else:
            revoke(settings, given.url, given.jti)
    except (AuditError, OSError, URLError, ValueError) as error:
        print(f"app.keys: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
