"""Cosignatures against a published one, round trips, and every flipped bit."""

import contextlib

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from audit.checkpoint import Checkpoint, VerifierKey, open_checkpoint
from audit.cosignature import MAX_TIME_S, SignatureLine, WitnessKey, cosign, cosigned_at, signature_lines
from audit.errors import BadNote

LOG = Ed25519PrivateKey.from_private_bytes(b"\x07" * 32)
SIGNER = Ed25519PrivateKey.from_private_bytes(b"\x08" * 32)
KEY = WitnessKey("witness.example/w1", SIGNER.public_key().public_bytes_raw())
HEAD = Checkpoint("test/0011223344556677/control", 77, b"\x01" * 32)
NOTE = HEAD.sign(LOG) + f"{cosign(HEAD, KEY, SIGNER, 1_679_315_147)}\n"

# a public staging log of Certificate Transparency, cosigned by a public witness on 2026-05-23
PUBLISHED = """\
arche2025h1.staging.ct.transparency.dev
1432088532
U7WM79jrzyhGZ5/GUBTpM7NzwdyfFx61t3RovgcC4Ro=

— arche2025h1.staging.ct.transparency.dev ui8GwCF1+kWqZrxGdhj4aX3gcw7XUlXQQabg/27lefwhUkzbC3NygNI75MdhL1bfTW9g8Ei59RA23oHP7Ry1k3ZFWwQ=
— transparency.dev/DEV:witness-little-garden 2AQqhwAAAABqEiEgzgFIqqhbUoDwjMWE6UP8nd8/KYTzwZ2rhIgcqoXHAwVkjZr4AscylP3v7sEodkRAErumC2q44vdgJY096st5BQ==
— remora.n621.de 2net5wAAAABqEiEgPlfF3V06o0Y+fHM+J5J9s27wgxxcOVSpZ/2g/KSiXCg9DEZI+aVCIobWX9sXTynk5XeU/zZ0WBxtqB0DrAWfBw==
"""  # noqa: E501
WITNESSES = (
    "remora.n621.de+da77ade7+BOvN63jn/bLvkieywe8R6UYAtVtNbZpXh34x7onlmtw2",
    "transparency.dev/DEV:witness-little-garden+d8042a87+BCtusOxINQNUTN5Oj8HObRkh2yHf/MwYaGX4CPdiVEPM",
)


def flips(data: bytes):
    """Every text that differs from `data` in one bit; what is no text any more is refused before it gets here."""
    for bit in range(len(data) * 8):
        flipped = bytearray(data)
        flipped[bit // 8] ^= 1 << bit % 8
        with contextlib.suppress(UnicodeDecodeError):
            yield flipped.decode()


@pytest.mark.parametrize("vkey", WITNESSES)
def test_a_published_cosignature_verifies_and_no_other_key_does(vkey):
    key = WitnessKey.parse(vkey)
    assert cosigned_at(PUBLISHED, key) == 1_779_573_024
    assert str(key) == vkey
    with pytest.raises(BadNote, match="not cosigned by"):
        cosigned_at(PUBLISHED, WitnessKey(key.name, KEY.public))
    with pytest.raises(BadNote, match="not by"):
        cosigned_at(PUBLISHED.replace("1432088532", "1432088533"), key)


@given(
    st.integers(0, 2**53),
    st.binary(min_size=32, max_size=32),
    st.integers(1, MAX_TIME_S),
    st.from_regex(r"[!-*,-~é]{1,64}", fullmatch=True),
)
def test_round_trip(size, root, time_s, name):
    head, key = Checkpoint(HEAD.origin, size, root), WitnessKey(name, KEY.public)
    assert WitnessKey.parse(f"{key}\n") == key
    line = cosign(head, key, SIGNER, time_s)
    assert SignatureLine.parse(str(line)) == line
    note = head.sign(LOG) + f"{line}\n"
    assert signature_lines(note)[1:] == [line]
    assert cosigned_at(note, key) == time_s


def test_no_flip_of_head_or_cosignature_passes():
    cosigned_at(NOTE, KEY)
    head, log_line, line = NOTE.partition("\n— ")[0], *NOTE.splitlines(keepends=True)[-2:]
    for flipped in flips(head.encode()):
        with pytest.raises(BadNote):
            cosigned_at(f"{flipped}\n{log_line}{line}", KEY)
    for flipped in flips(line.encode()):
        with pytest.raises(BadNote):
            cosigned_at(f"{head}\n{log_line}{flipped}", KEY)


def test_no_flip_of_a_cosigned_checkpoint_passes_both_keys():
    log = VerifierKey(HEAD.origin, LOG.public_key().public_bytes_raw())
    assert (open_checkpoint(NOTE, log), cosigned_at(NOTE, KEY)) == (HEAD, 1_679_315_147)
    for flipped in flips(NOTE.encode()):
        with pytest.raises(BadNote):
            _ = open_checkpoint(flipped, log), cosigned_at(flipped, KEY)


def test_no_flip_of_a_witness_key_passes():
    for flipped in flips(str(KEY).encode()):
        with pytest.raises(BadNote):
            WitnessKey.parse(flipped)


@given(st.text(max_size=80))
def test_garbage_is_refused_with_a_reason(text):
    for parse in (WitnessKey.parse, SignatureLine.parse, signature_lines):
        with pytest.raises(BadNote, match=r"."):
            parse(text)


def test_strangers_are_ignored_and_a_bad_line_of_ones_own_spoils_the_note():
    stranger = WitnessKey("witness.example/w2", KEY.public)
    foreign = cosign(HEAD, stranger, LOG, 5)  # not even by its own key
    assert cosigned_at(f"{NOTE}{foreign}\n", KEY) == 1_679_315_147
    assert cosigned_at(NOTE + f"{cosign(HEAD, KEY, SIGNER, 1_800_000_000)}\n", KEY) == 1_800_000_000
    for bad in (cosign(HEAD, KEY, LOG, 5), SignatureLine(KEY.name, KEY.key_id, b"\x00" * 71)):
        with pytest.raises(BadNote):
            cosigned_at(f"{NOTE}{bad}\n", KEY)


@pytest.mark.parametrize("time_s", [0, -1, MAX_TIME_S + 1])
def test_impossible_times_are_refused(time_s):
    with pytest.raises(BadNote, match=rf"got {time_s}"):
        cosign(HEAD, KEY, SIGNER, time_s)


def test_a_log_key_is_no_witness_key():
    with pytest.raises(BadNote, match="0x04"):
        WitnessKey.parse(str(VerifierKey("a/b", KEY.public)))
    for name in ("", "with space", "with+plus", "x" * 256):
        with pytest.raises(BadNote, match="witness name"):
            WitnessKey(name, KEY.public)
    with pytest.raises(BadNote, match="got 31"):
        WitnessKey("w", KEY.public[:31])
