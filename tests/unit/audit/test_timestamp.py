"""Time stamps by a local authority (`openssl ts`): good ones are accepted, those for something else are not."""

import contextlib
import io
import json
import subprocess
import sys
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from audit import timestamp
from audit.checkpoint import Checkpoint
from audit.errors import BadNote, BadProof

LOG = Ed25519PrivateKey.from_private_bytes(b"\x07" * 32)
HEAD = Checkpoint("test/0011223344556677/control", 77, b"\x01" * 32)
NOTE = HEAD.sign(LOG).encode()
OTHER = Checkpoint(HEAD.origin, 78, b"\x02" * 32).sign(LOG).encode()
CONFIG = """
[stamp]
serial = serial
signer_digest = sha256
default_policy = 1.2.3.4.1
digests = sha256, sha512
[ca]
basicConstraints = critical, CA:true
[tsa]
keyUsage = critical, digitalSignature
extendedKeyUsage = critical, timeStamping
"""


def openssl(folder: Path, line: str) -> None:
    done = subprocess.run(["openssl", *line.split()], cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@dataclass(frozen=True)
class Authority:
    """A root certificate and a time stamping certificate under it."""

    folder: Path

    @classmethod
    def make(cls, folder: Path) -> "Authority":
        folder.mkdir()
        (folder / "ts.cnf").write_text(CONFIG)
        (folder / "serial").write_text("01")
        for name in ("ca", "tsa"):
            openssl(folder, f"ecparam -name prime256v1 -genkey -noout -out {name}.key")
            openssl(folder, f"req -new -key {name}.key -subj /CN={folder.name}-{name} -out {name}.csr")
        openssl(folder, "x509 -req -in ca.csr -signkey ca.key -days 2 -extfile ts.cnf -extensions ca -out ca.pem")
        openssl(
            folder,
            "x509 -req -in tsa.csr -CA ca.pem -CAkey ca.key -set_serial 7 -days 2 -extfile ts.cnf -extensions tsa"
            " -out tsa.pem",
        )
        return cls(folder)

    @property
    def ca(self) -> Path:
        return self.folder / "ca.pem"

    def answer(self, query: bytes) -> bytes:
        (self.folder / "x.tsq").write_bytes(query)
        openssl(self.folder, "ts -reply -config ts.cnf -section stamp -queryfile x.tsq -signer tsa.pem -inkey tsa.key"
                             " -out x.tsr")  # fmt: skip
        return (self.folder / "x.tsr").read_bytes()


@pytest.fixture(scope="module")
def authorities(tmp_path_factory):
    folder = tmp_path_factory.mktemp("authorities")
    return Authority.make(folder / "one"), Authority.make(folder / "two")


@pytest.fixture
def check(tmp_path, authorities):
    """Exit status and report of the command for a note, a token and an authority."""

    def run(note: bytes, token: bytes, ca: Path = authorities[0].ca) -> tuple[int, dict]:
        (tmp_path / "note").write_bytes(note)
        (tmp_path / "token").write_bytes(token)
        with contextlib.redirect_stdout(io.StringIO()) as out:
            code = timestamp.main(["verify", str(tmp_path / "note"), str(tmp_path / "token"), "--ca", str(ca)])
        return code, json.loads(out.getvalue())

    return run


def test_a_stamp_of_this_checkpoint_is_accepted_with_its_time(authorities, check):
    code, report = check(NOTE, authorities[0].answer(timestamp.request(NOTE)))
    assert (code, report["valid"], report["reason"]) == (0, True, None)
    assert (report["origin"], report["size"]) == (HEAD.origin, 77)
    assert abs(datetime.fromisoformat(report["time"]) - datetime.now(UTC)) < timedelta(minutes=5)
    assert report["serial"].isdigit()


def test_a_stamp_of_another_checkpoint_or_by_another_authority_is_not(authorities, check):
    one, two = authorities
    token = one.answer(timestamp.request(NOTE))
    code, report = check(OTHER, token)
    assert (code, report["valid"], "time" in report) == (1, False, False)
    assert "Mismatch" in report["reason"]
    assert check(NOTE + b"\n", token)[0] == 1
    assert check(NOTE, token, two.ca)[0] == 1
    assert check(NOTE, two.answer(timestamp.request(NOTE)))[0] == 1


def test_a_token_without_certificates_is_not_enough(authorities, check):
    query = timestamp.request(NOTE)
    without = query.replace(b"\x01\x01\xff", b"\x01\x01\x00")  # certReq, the only BOOLEAN of the request
    assert without != query
    assert check(NOTE, authorities[0].answer(without))[0] == 1


def test_an_altered_token_is_refused_or_says_the_same(authorities, check):
    """A few bytes of a token's envelope, such as version numbers, are covered by no signature; the statement is."""
    token = authorities[0].answer(timestamp.request(NOTE))
    trusted = x509.load_pem_x509_certificates(authorities[0].ca.read_bytes())
    good, refused = timestamp.verify(NOTE, token, trusted), 0
    for at in range(len(token)):
        try:
            assert timestamp.verify(NOTE, token[:at] + bytes([token[at] ^ 1]) + token[at + 1 :], trusted) == good
        except BadProof:
            refused += 1
    assert refused > len(token) - 20
    for bad in (b"", token[:-1], token + b"\x00", NOTE, bytes(300)):
        assert check(NOTE, bad)[0] == 1


def test_the_command_writes_the_request_and_says_what_it_cannot_read(tmp_path, check):
    (tmp_path / "good").write_bytes(NOTE)
    (tmp_path / "bad").write_bytes(b"hello\n")
    command = [sys.executable, "-m", "audit.timestamp", "request"]
    done = subprocess.run([*command, tmp_path / "good"], cwd=Path(__file__).parents[3], capture_output=True, check=True)
    assert done.stdout == timestamp.request(NOTE)
    for name in ("bad", "none"):
        with contextlib.redirect_stderr(io.StringIO()) as said:
            assert timestamp.main(["request", str(tmp_path / name)]) == 2
        assert name in said.getvalue()
    assert check(NOTE, b"", tmp_path / "none")[0] == 2
    assert check(NOTE, b"", tmp_path / "bad")[0] == 2
    with pytest.raises(BadNote):
        timestamp.request(b"hello\n")
    with pytest.raises(BadProof):
        timestamp.verify(NOTE, b"", [])
