"""Policy first: who approved what is served. `python -m app.policy keygen|sign|status`.

    python -m app.policy keygen --out signoff
    python -m app.policy sign --key signoff.key [--thresholds FILE]
    python -m app.policy status

Make the key (`signoff.key`, mode 0600) and sign on a machine apart from the cluster; the server gets `signoff.pub` by
PRECEPTOR_SIGNOFF_KEY. `sign` approves policy, terms and ethics statement of this checkout, with the thresholds that
`app.release policy FILE` would bring, and appends the record at PRECEPTOR_URL with an admin's key, PRECEPTOR_ADMIN_KEY
or else PRECEPTOR_API_KEY; it prints the receipt. `status` reads the log: what is in force, what is signed, by whom; see
docs/policy.md. Exit status: 0 done, or what is in force is signed; 1 refused or unreachable, or not signed; 2 usage, or
what cannot be read.
"""

import argparse
import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path

import yaml
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat
from uuid_utils import uuid7

from app.releasing.config import user_config
from app.releasing.errors import ReleaseError
from app.settings import Settings, from_environment
from app.signoff import Digests, Signoffs, is_signed_by, key_id, load_private, sign
from app.terms import ETHICS, Terms
from audit import disk
from audit.client import AuditClient
from audit.errors import AuditError, RemoteError
from audit.query import Asker
from audit.record import Entry, Kind
from guards.errors import GuardError
from guards.policy import Policy

RECORDS = "select kind, fields::varchar as fields, ts from records where kind in ('policy', 'signoff') order by ts, idx"


def keygen(out: Path) -> str:
    """Write OUT.key (0600) and OUT.pub, PEM; the key's id. Raises FileExistsError rather than replace one, OSError."""
    key = Ed25519PrivateKey.generate()
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    public = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    for suffix, data, mode in ((".key", private, 0o600), (".pub", public, 0o644)):
        path = out.with_name(out.name + suffix)
        if not disk.create(path, data, mode):
            raise FileExistsError(f"{path} is there already; a key is never replaced")
    return key_id(key.public_key())


def to_serve(thresholds: Path | None = None) -> Digests:
    """What this checkout serves, with these thresholds; raises OSError, PolicyError, ReleaseError, YAMLError."""
    changes = user_config(yaml.safe_load(thresholds.read_text())) if thresholds else None
    return Digests(Policy.load().overridden(changes).digest, Terms.load().digest, Terms.load(ETHICS).digest)


def append(client: AuditClient, key: Ed25519PrivateKey, digests: Digests) -> str:
    """Put the approval on record; its receipt. Raises RemoteError."""
    entry = Entry(Kind.signoff, str(uuid7()), 0, "", "", sign(key, digests), actor="operator")
    (result,) = client.append([entry])
    if "error" in result:
        raise RemoteError(f"the log refused the record: {result['error'].get('message')}")
    return str(result["receipt"]["proof"])


def status(settings: Settings) -> tuple[bool, list[str]]:
    """Whether what is in force is signed, and lines that tell; raises AuditError, OSError, BadSignoffKey.

    The log names the policy and the terms in force; the ethics statement is that of this checkout.
    """
    signoffs, lines, in_force = Signoffs.load(settings.signoff_key), [], None
    for record in Asker(settings.audit).ask(RECORDS).to_pylist():
        fields = json.loads(record["fields"])
        if record["kind"] == Kind.policy:
            in_force = Digests(fields["policy_digest"], fields["terms_digest"], Terms.load(ETHICS).digest)
        else:
            signoffs.apply({"kind": Kind.signoff, "fields": fields})
            holds = signoffs.key is not None and is_signed_by(signoffs.key, fields)
            by = f"by {fields['signer']}, {record['ts']}"
            lines.append(f"{'signed' if holds else 'not valid'}: {Digests.of(fields)} {by}")
    covered = in_force is not None and signoffs.cover(in_force)
    told = [f"in force: {in_force}", "signed" if covered else "NOT signed"]
    if settings.mode != "production":
        told.append(f"mode {settings.mode}: answers need no signed policy")
    return covered, [*lines, *told]


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m app.policy", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    commands = parser.add_subparsers(dest="command", required=True)
    making = commands.add_parser("keygen", help="a new key pair")
    making.add_argument("--out", type=Path, default=Path("signoff"), help="without ending (default: signoff)")
    signing = commands.add_parser("sign", help="approve what this checkout serves")
    signing.add_argument("--key", type=Path, required=True, help="the private key")
    signing.add_argument("--thresholds", type=Path, metavar="FILE", help="as for `app.release policy`")
    signing.add_argument("--url", default=os.environ.get("PRECEPTOR_URL", "http://127.0.0.1:8000"))
    commands.add_parser("status", help="what is in force, and whether it is signed")
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; the exit status."""
    given = _parser().parse_args(arguments)
    try:
        return _do(given)
    except RemoteError as error:
        print(f"app.policy: {error}", file=sys.stderr)
        return 1
    except (AuditError, GuardError, ReleaseError, OSError, ValueError, yaml.YAMLError) as error:
        print(f"app.policy: {error}", file=sys.stderr)
        return 2


def _do(given: argparse.Namespace) -> int:
    if given.command == "keygen":
        print(keygen(given.out))
        return 0
    if given.command == "sign":
        digests, key = to_serve(given.thresholds), load_private(given.key)
        token = os.environ.get("PRECEPTOR_ADMIN_KEY") or os.environ.get("PRECEPTOR_API_KEY", "")
        print(f"signing as {key_id(key.public_key())}: {digests}", file=sys.stderr)
        print(append(AuditClient(given.url, token), key, digests))
        return 0
    covered, lines = status(from_environment())
    print("\n".join(lines))
    return 0 if covered else 1


if __name__ == "__main__":
    sys.exit(main())
