"""Certificates of nodes, judged by openssl and by a handshake in which both sides must show one."""

import contextlib
import socket
import ssl
import stat
import subprocess
import threading
from pathlib import Path

import pytest

from deployments.node_certificate import main


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("authority") / "ca"
    assert main(["authority", str(folder)]) == 0
    return folder


def node(authority: Path, out: Path, *names: str) -> Path:
    named = [word for name in names for word in ("--name", name)]
    assert main(["issue", "--authority", str(authority), "--out", str(out), *named]) == 0
    return out


def openssl(*arguments: object) -> str:
    done = subprocess.run(["openssl", *map(str, arguments)], capture_output=True, text=True, check=False)
    return done.stdout + done.stderr


def context(protocol: int, folder: Path, authority: Path | None = None) -> ssl.SSLContext:
    made = ssl.SSLContext(protocol)
    made.load_cert_chain(folder / "tls.crt", folder / "tls.key")
    made.load_verify_locations((authority or folder) / ("tls.crt" if authority else "ca.crt"))
    made.verify_mode = ssl.CERT_REQUIRED
    return made


def spoken(server: ssl.SSLContext, client: ssl.SSLContext, name: str) -> bytes:
    """What the server hears; b"" where it lets the client not in, ssl.SSLError where the client turns away."""
    heard: list[bytes] = [b""]
    here, there = socket.socketpair()

    def listen() -> None:
        try:
            with server.wrap_socket(here, server_side=True) as wire:
                heard[0] = wire.recv(5)
        except (ssl.SSLError, OSError):
            here.close()

    thread = threading.Thread(target=listen)
    thread.start()
    try:
        with client.wrap_socket(there, server_hostname=name) as wire:
            wire.sendall(b"hello")
    finally:
        there.close()
        thread.join(10)
    return heard[0]


def test_openssl_takes_the_chain_for_a_server_and_for_a_client(authority: Path, tmp_path: Path) -> None:
    made = node(authority, tmp_path / "node", "10.0.0.7", "*.preceptor.svc.cluster.local")
    for purpose in ("sslserver", "sslclient"):
        said = openssl("verify", "-x509_strict", "-purpose", purpose, "-CAfile", made / "ca.crt", made / "tls.crt")
        assert said.strip().endswith("OK"), said
    shown = openssl("x509", "-in", made / "tls.crt", "-noout", "-ext", "subjectAltName,basicConstraints")
    for name in ("IP Address:10.0.0.7", "DNS:*.preceptor.svc.cluster.local", "IP Address:127.0.0.1", "CA:FALSE"):
        assert name in shown


def test_two_nodes_of_one_authority_talk_by_address_and_by_name(authority: Path, tmp_path: Path) -> None:
    one = node(authority, tmp_path / "one", "10.0.0.1", "*.preceptor.svc.cluster.local")
    two = node(authority, tmp_path / "two", "10.0.0.2")
    server, client = context(ssl.PROTOCOL_TLS_SERVER, one), context(ssl.PROTOCOL_TLS_CLIENT, two)
    assert spoken(server, client, "10.0.0.1") == b"hello"
    assert spoken(server, client, "preceptor-abcde-head-svc.preceptor.svc.cluster.local") == b"hello"
    with pytest.raises(ssl.SSLCertVerificationError):
        spoken(server, client, "10.0.0.9")


def test_a_stranger_is_not_let_in_and_a_node_cannot_sign(authority: Path, tmp_path: Path) -> None:
    one = node(authority, tmp_path / "one", "10.0.0.1")
    assert main(["authority", str(tmp_path / "other")]) == 0
    stranger = node(tmp_path / "other", tmp_path / "stranger", "10.0.0.2")
    with pytest.raises(ssl.SSLCertVerificationError):
        spoken(context(ssl.PROTOCOL_TLS_SERVER, one), context(ssl.PROTOCOL_TLS_CLIENT, stranger), "10.0.0.1")
    knows_us = context(ssl.PROTOCOL_TLS_CLIENT, stranger, authority)
    heard = b""
    with contextlib.suppress(OSError):  # TLS 1.3 tells a client of its refusal with what it reads next, or not at all
        heard = spoken(context(ssl.PROTOCOL_TLS_SERVER, one), knows_us, "10.0.0.1")
    assert heard == b""
    forged = node(one, tmp_path / "forged", "10.0.0.3")  # a node that plays authority
    assert "error" in openssl("verify", "-CAfile", authority / "tls.crt", "-untrusted", one / "tls.crt",
                              forged / "tls.crt")  # fmt: skip


def test_files_are_their_owners_and_an_authority_is_never_replaced(authority: Path, tmp_path: Path) -> None:
    out = node(authority, tmp_path / "node", "10.0.0.1")
    before = (out / "tls.crt").read_bytes()
    node(authority, out, "10.0.0.1")
    assert (out / "tls.crt").read_bytes() != before
    for path in (*authority.iterdir(), *out.iterdir()):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert main(["authority", str(authority)]) == 2


@pytest.mark.parametrize("name", ["", "two words", "ünïcode.example"])
def test_what_is_no_name_gets_no_certificate(authority: Path, tmp_path: Path, name: str) -> None:
    assert main(["issue", "--authority", str(authority), "--out", str(tmp_path / "out"), "--name", name]) == 2
    assert not (tmp_path / "out").exists()


def test_a_key_that_is_not_the_certificates_signs_nothing(authority: Path, tmp_path: Path) -> None:
    mixed = tmp_path / "mixed"
    assert main(["authority", str(mixed)]) == 0
    (mixed / "tls.crt").write_bytes((authority / "tls.crt").read_bytes())
    assert main(["issue", "--authority", str(mixed), "--out", str(tmp_path / "out"), "--name", "10.0.0.1"]) == 2
