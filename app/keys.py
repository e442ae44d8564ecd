"""Keys for people: `python -m app.keys mint|list|revoke|accept`. Each grant and each revocation is a record.

    python -m app.keys mint --subject ada --role learner [--tenant school] [--ttl 30d] [--no-accept]
    python -m app.keys list
    python -m app.keys revoke JTI
    python -m app.keys revoke --subject ada [--tenant school] [--issuer https://id.example.org]
    python -m app.keys accept --subject ada [--tenant school] [--issuer https://id.example.org]

Revoking a subject voids every key of theirs that was issued until now, their issuer's tokens too. Accepting records
the terms on behalf of somebody who cannot, such as a user of Open WebUI (`--issuer openwebui`).
The server must run: only its writer holds the log. Minting prints the key alone on stdout. Reviewers, auditors and
admins are the operator's, who see every tenant, unless --tenant makes them one tenant's.
"""

import argparse
import os
import re
import sys
import time
from collections.abc import Mapping, Sequence
from urllib.error import URLError

from uuid_utils import uuid7

from app.auth import ISSUER, OPERATOR, Principal, Role, TokenKey, scoped
from app.settings import Settings, from_environment
from app.terms import Terms
from audit import query
from audit.client import AuditClient
from audit.errors import AuditError
from audit.record import Entry, Kind

OPERATOR_TTL_S = 60
TENANT = "default"
STAFF = frozenset({Role.REVIEWER, Role.AUDITOR, Role.ADMIN})
SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400}
GRANTS = """
select fields->>'jti' as jti, fields->>'role' as role, tenant, subject,
       make_timestamp((fields->>'expires_us')::bigint) as expires,
       exists (
           select 1 from records as r where r.kind = 'revocation' and (
               r.fields->>'jti' = g.fields->>'jti'
               or r.tenant = g.tenant and r.subject = g.subject and (r.fields->>'before_us')::bigint > epoch_us(g.ts))
       ) as revoked
from records as g where kind = 'grant' order by ts
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
        entries.append(_acceptance(principal))
    _append(key, url, entries)
    return token


def revoke(settings: Settings, url: str, jti: str) -> None:
    """Revoke a key by its id; every Gateway refuses it within seconds."""
    operator = Principal("operator", OPERATOR, Role.ADMIN, "", 0)
    _append(TokenKey.load(settings.keys), url, [_entry(Kind.revocation, operator, {"jti": jti})])


def revoke_subject(settings: Settings, url: str, who: Principal) -> None:
    """Revoke every key of (tenant, subject) that was issued until now; every Gateway refuses them within seconds."""
    fields = {"before_us": time.time_ns() // 1000, "issuer": who.issuer}
    _append(TokenKey.load(settings.keys), url, [_entry(Kind.revocation, who, fields)])


def accept(settings: Settings, url: str, who: Principal) -> None:
    """The operator's acceptance of the current terms on behalf of (tenant, subject)."""
    _append(TokenKey.load(settings.keys), url, [_acceptance(who)])


def person(subject: str, tenant: str, issuer: str) -> Principal:
    """Whom an operator means: a subject of our own keys, or as an issuer names it."""
    name = subject if issuer == ISSUER else scoped(issuer, subject)
    return Principal(name, tenant, Role.LEARNER, "", 0, issuer)


def demo_key(settings: Settings, url: str) -> str:
    """The key that `make run` prints: a learner who may ask at once."""
    return mint(settings, url, ("demo", "demo", Role.LEARNER), 30 * 86400, accept=True)


def _entry(kind: Kind, who: Principal, fields: Mapping[str, object]) -> Entry:
    return Entry(kind, str(uuid7()), 0, who.tenant, who.subject, fields, actor="operator")


def _acceptance(who: Principal) -> Entry:
    terms = Terms.load()
    return _entry(Kind.terms, who, {"terms_digest": terms.digest, "version": terms.version})


def _append(key: TokenKey, url: str, entries: Sequence[Entry]) -> None:
    token, _ = key.mint("operator", OPERATOR, Role.ADMIN, OPERATOR_TTL_S)
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
    minting.add_argument("--tenant", help=f"default: {TENANT}; for reviewers, auditors and admins {OPERATOR}")
    minting.add_argument("--role", type=Role, choices=list(Role), default=Role.LEARNER)
    minting.add_argument("--ttl", type=_ttl, default="30d", help="life time, e.g. 15m, 12h, 30d")
    minting.add_argument("--no-accept", action="store_true", help="let the holder accept the terms")
    commands.add_parser("list", help="all grants and whether they are revoked")
    revoking = commands.add_parser("revoke", help="revoke a key, or all keys of a subject")
    revoking.add_argument("jti", nargs="?", help="the key's id, as `list` shows it")
    accepting = commands.add_parser("accept", help="accept the terms on behalf of a subject")
    for command in (revoking, accepting):
        command.add_argument("--subject", required=command is accepting, help="whose, as their issuer names them")
        command.add_argument("--tenant", default=TENANT)
        command.add_argument("--issuer", default=ISSUER, help=f"who issued their tokens (default: {ISSUER}, our own)")
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Exit 0 done, 1 refused or unreachable, 2 usage."""
    parser = _parser()
    given = parser.parse_args(arguments)
    if given.command == "revoke" and (given.jti is None) == (given.subject is None):
        parser.error("revoke: expected either the id of a key or --subject")
    settings = from_environment()
    try:
        if given.command == "list":
            return query.main([str(settings.audit), GRANTS])
        _do(settings, given)
    except (AuditError, OSError, URLError, ValueError) as error:
        print(f"app.keys: {error}", file=sys.stderr)
        return 1
    return 0


def _do(settings: Settings, given: argparse.Namespace) -> None:
    if given.command == "mint":
        tenant = given.tenant or (OPERATOR if given.role in STAFF else TENANT)
        print(mint(settings, given.url, (given.subject, tenant, given.role), given.ttl, accept=not given.no_accept))
    elif given.command == "accept":
        accept(settings, given.url, person(given.subject, given.tenant, given.issuer))
    elif given.jti:
        revoke(settings, given.url, given.jti)
    else:
        revoke_subject(settings, given.url, person(given.subject, given.tenant, given.issuer))


if __name__ == "__main__":
    sys.exit(main())
