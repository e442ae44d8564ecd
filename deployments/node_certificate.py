"""Certificates for Ray's own connections (RAY_USE_TLS): an authority once, a certificate for each node at its start.

    python -m deployments.node_certificate authority DIR
    python -m deployments.node_certificate issue --authority DIR --out DIR --name NAME...

Ray's nodes call each other by address and compare it with the certificate, so a node gets its own, when its address is
known. Each side shows one: whoever holds a certificate of this authority is a member of the cluster, and no more is
told apart. Files bear the names of a kubernetes.io/tls secret. Exit status: 0; 2 when something cannot be read,
written or is no name.
"""

import argparse
import datetime
import ipaddress
import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

CERTIFICATE, KEY, AUTHORITY = "tls.crt", "tls.key", "ca.crt"
AUTHORITY_DAYS, NODE_DAYS = 3650, 365
SKEW = datetime.timedelta(minutes=5)  # clocks of nodes differ
LOCAL = ("localhost", "127.0.0.1")  # what a node calls itself


@dataclass(frozen=True, slots=True)
class Authority:
    """Who signs the nodes of one cluster."""

    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey

    @classmethod
    def new(cls, name: str) -> "Authority":
        """A fresh one, good for AUTHORITY_DAYS."""
        key, subject = ec.generate_private_key(ec.SECP256R1()), _named(name)
        made = _certificate(subject, subject, key.public_key(), key.public_key(), AUTHORITY_DAYS)
        made = made.add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        made = made.add_extension(_usage(signs=True), critical=True)
        return cls(made.sign(key, hashes.SHA256()), key)

    @classmethod
    def read(cls, folder: Path) -> "Authority":
        """From its two files; OSError, ValueError."""
        key = serialization.load_pem_private_key((folder / KEY).read_bytes(), password=None)
        certificate = x509.load_pem_x509_certificate((folder / CERTIFICATE).read_bytes())
        if not isinstance(key, ec.EllipticCurvePrivateKey) or key.public_key() != certificate.public_key():
            raise ValueError(f"{folder}: expected an elliptic curve key and its certificate")
        return cls(certificate, key)

    def issue(self, names: Sequence[str]) -> tuple[x509.Certificate, ec.EllipticCurvePrivateKey]:
        """For one node, as a client and as a server, under all its names and addresses; ValueError."""
        key = ec.generate_private_key(ec.SECP256R1())
        alternatives = x509.SubjectAlternativeName([_general(name) for name in dict.fromkeys((*names, *LOCAL))])
        both = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH])
        of, by = key.public_key(), self.key.public_key()
        made = _certificate(_named("preceptor node"), self.certificate.subject, of, by, NODE_DAYS)
        for extension, critical in ((x509.BasicConstraints(ca=False, path_length=None), True), (alternatives, False),
                                    (both, False), (_usage(signs=False), True)):  # fmt: skip
            made = made.add_extension(extension, critical=critical)
        return made.sign(self.key, hashes.SHA256()), key


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; the exit status."""
    given = parser().parse_args(arguments)
    try:
        if given.command == "authority":
            _make(given.folder)
        else:
            _issue(given.authority, given.out, given.name)
    except (OSError, ValueError) as error:
        print(f"node_certificate: {error}", file=sys.stderr)
        return 2
    return 0


def parser() -> argparse.ArgumentParser:
    """The command line."""
    options = argparse.ArgumentParser(prog="python -m deployments.node_certificate", description=__doc__.split("\n")[0])
    commands = options.add_subparsers(dest="command", required=True)
    begin = commands.add_parser("authority", help="make an authority, once for a cluster")
    begin.add_argument("folder", type=Path, metavar="DIR", help="a folder that is not there yet")
    issue = commands.add_parser("issue", help="make a node's certificate; what lies there is replaced")
    issue.add_argument("--authority", type=Path, required=True, metavar="DIR", help="the authority's folder")
    issue.add_argument("--out", type=Path, required=True, metavar="DIR", help="where tls.crt, tls.key and ca.crt go")
    issue.add_argument("--name", action="append", required=True, help="an address or DNS name of the node; repeatable")
    return options


def _make(folder: Path) -> None:
    folder.mkdir(mode=0o700)  # never in the place of another
    made = Authority.new("preceptor cluster")
    _write(folder / CERTIFICATE, made.certificate.public_bytes(serialization.Encoding.PEM))
    _write(folder / KEY, _pem(made.key))


def _issue(authority: Path, out: Path, names: Sequence[str]) -> None:
    signer = Authority.read(authority)
    certificate, key = signer.issue(names)
    out.mkdir(mode=0o700, parents=True, exist_ok=True)
    _write(out / AUTHORITY, signer.certificate.public_bytes(serialization.Encoding.PEM))
    _write(out / KEY, _pem(key))
    _write(out / CERTIFICATE, certificate.public_bytes(serialization.Encoding.PEM))


def _write(path: Path, data: bytes) -> None:
    """Whole or not at all, for its owner alone."""
    fresh = path.with_name(f".{path.name}.new")
    fresh.unlink(missing_ok=True)
    with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(data)
    fresh.replace(path)


def _certificate(
    subject: x509.Name, issuer: x509.Name, of: ec.EllipticCurvePublicKey, by: ec.EllipticCurvePublicKey, days: int
) -> x509.CertificateBuilder:
    now = datetime.datetime.now(datetime.UTC)
    made = x509.CertificateBuilder(
        issuer_name=issuer, subject_name=subject, public_key=of, serial_number=x509.random_serial_number(),
        not_valid_before=now - SKEW, not_valid_after=now + datetime.timedelta(days=days),
    )  # fmt: skip
    made = made.add_extension(x509.SubjectKeyIdentifier.from_public_key(of), critical=False)
    return made.add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(by), critical=False)


def _usage(*, signs: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs, key_cert_sign=signs, crl_sign=signs, content_commitment=False,
        key_encipherment=False, data_encipherment=False, key_agreement=False, encipher_only=False, decipher_only=False,
    )  # fmt: skip


def _named(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])


def _general(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        if not name or " " in name:
            raise ValueError(f"--name: expected an address or a DNS name, came {name!r}") from None
        return x509.DNSName(name)


def _pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


if __name__ == "__main__":
    sys.exit(main())
