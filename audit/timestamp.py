"""RFC 3161 time stamps over a checkpoint: an outside authority says that the log had this head at that time.

    python -m audit.timestamp request CHECKPOINT > x.tsq
    python -m audit.timestamp verify CHECKPOINT x.tsr --ca FILE

No network: send the request to an authority and keep its answer, for example
`curl -H 'Content-Type: application/timestamp-query' --data-binary @x.tsq URL > x.tsr`. The stamp covers every byte of
the file, so keep CHECKPOINT as it was stamped. `verify` prints one JSON object and trusts the authority only: whether
the log signed the checkpoint is for `audit.verify --checkpoint` to say. Exit 0 valid, 1 invalid, 2 unreadable.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from cryptography import x509
from rfc3161_client import (
    HashAlgorithm,
    TimestampRequestBuilder,
    VerificationError,
    VerifierBuilder,
    decode_timestamp_response,
)

from audit import pipe
from audit.checkpoint import MAX_NOTE_BYTES, Checkpoint, b64, read_checkpoint
from audit.errors import AuditError, BadProof

VALID, INVALID, UNREADABLE = 0, 1, 2
MAX_TOKEN_BYTES = 256 * 1024


@dataclass(frozen=True, slots=True)
class Stamp:
    """A checked time stamp: `time` is UTC by the authority's clock, `serial` its number for the token."""

    head: Checkpoint
    time: datetime
    serial: int

    def to_json(self) -> dict[str, Any]:
        """What is printed; root in base 64, time in ISO 8601."""
        head = {"origin": self.head.origin, "size": self.head.size, "root": b64(self.head.root)}
        return head | {"time": self.time.isoformat(), "serial": str(self.serial)}


def request(note: bytes) -> bytes:
    """The DER request (RFC 3161 2.4.1) for the SHA-256 of a checkpoint note; BadNote for what is none.

    Without nonce: an older answer for the same checkpoint is as true as a new one, and the request can be made again.
    """
    read_checkpoint(note.decode(errors="replace"))
    builder = TimestampRequestBuilder().data(note).hash_algorithm(HashAlgorithm.SHA256)
    return builder.nonce(nonce=False).cert_request(cert_request=True).build().as_bytes()


def verify(note: bytes, token: bytes, authorities: Sequence[x509.Certificate]) -> Stamp:
    """The stamp in the DER answer `token` (RFC 3161 2.4.2) over `note`; BadNote, BadProof.

    `authorities` are the trusted root, then intermediates if the token does not carry them. Certificates must have been
    valid at the stamped time; revocation is not looked up.
    """
    head = read_checkpoint(note.decode(errors="replace"))
    try:
        answer = decode_timestamp_response(token)
        VerifierBuilder(roots=list(authorities)).build().verify_message(answer, note)
        info = answer.tst_info
        return Stamp(head, info.gen_time.replace(tzinfo=UTC), info.serial_number)
    except (VerificationError, ValueError) as error:
        raise BadProof(f"time stamp: {error}") from error


def _read(path: Path, limit: int) -> bytes:
    with path.open("rb") as file:
        data = file.read(limit + 1)
    if len(data) > limit:
        raise OSError(f"{path}: expected at most {limit} bytes")
    return data


def _verify(given: argparse.Namespace) -> int:
    stamp, reason, status = None, None, VALID
    try:
        authorities = x509.load_pem_x509_certificates(_read(given.ca, MAX_TOKEN_BYTES))
        note, token = _read(given.checkpoint, MAX_NOTE_BYTES), _read(given.token, MAX_TOKEN_BYTES)
        stamp = verify(note, token, authorities)
    except AuditError as error:
        reason, status = str(error), INVALID
    except (OSError, ValueError) as error:
        reason, status = f"cannot read: {error}", UNREADABLE
    said = {} if stamp is None else stamp.to_json()
    print(json.dumps({"valid": stamp is not None, **said, "reason": reason}, indent=2))
    return status


def _request(given: argparse.Namespace) -> int:
    try:
        sys.stdout.buffer.write(request(_read(given.checkpoint, MAX_NOTE_BYTES)))
    except (OSError, AuditError) as error:
        print(f"{given.checkpoint}: {error}", file=sys.stderr)
        return UNREADABLE
    return VALID


def main(arguments: Sequence[str] | None = None) -> int:
    """Exit 0 valid, 1 invalid, 2 unreadable."""
    parser = argparse.ArgumentParser(prog="python -m audit.timestamp", description="RFC 3161 stamps of checkpoints.")
    commands = parser.add_subparsers(required=True, metavar="request|verify")
    asking = commands.add_parser("request", help="write the request for CHECKPOINT to stdout")
    checking = commands.add_parser("verify", help="check the answer TOKEN against CHECKPOINT")
    for command, call in ((asking, _request), (checking, _verify)):
        command.add_argument("checkpoint", type=Path, metavar="CHECKPOINT", help="signed head, as a file")
        command.set_defaults(call=call)
    checking.add_argument("token", type=Path, metavar="TOKEN", help="the authority's answer (.tsr)")
    checking.add_argument("--ca", type=Path, required=True, metavar="FILE", help="trusted certificates, PEM")
    given = parser.parse_args(arguments)
    status: int = given.call(given)
    return status


if __name__ == "__main__":
    sys.exit(pipe.run(main))
