"""A sample of the proof `flips`: every 97th bit of the golden log, and every bit of its newest file's last 300 bytes.

All of them: `make prove flips`, docs/proof/flips.json.
"""

import random

import pytest

from tests.proofs import flips
from tests.proofs.flips import ALONE, MISSED, SALT, VECTORS, WHOLE, Judge, Target

STEP = 97
LAST_BYTES = 300
TARGETS = flips.targets()
NEWEST = Target("root/exchange-0/seg/00000000000000000021.parquet", "file")


def ids(target):
    return target.name.removeprefix("root/") + (" from outside" if target.kind == "given" else "")


def test_every_file_of_the_log_is_a_target():
    files = {path.relative_to(VECTORS).as_posix() for path in (VECTORS / "root").rglob("*") if path.is_file()}
    inside = [target for target in TARGETS if target.kind in ("file", "key")]
    assert {target.path for target in inside} == files
    assert len(inside) == len(files)
    assert sum(len(target.read()) for target in inside) > 20_000
    assert {"given", "checkpoint", "receipt", "saved"} == {target.kind for target in TARGETS} - {"file", "key"}
    assert max((one for one in inside if "exchange-0/seg" in one.path), key=lambda one: one.path) == NEWEST


@pytest.mark.parametrize("target", TARGETS, ids=ids)
def test_a_flipped_bit_is_found(target):
    """What only changes the salt of a bare receipt proves the same; the text that it came with shows it."""
    first = TARGETS.index(target) % STEP
    done = flips.flip(target, range(first, len(target.read()) * 8, STEP))
    assert done["missed"] == []
    assert done["flipped"] == done[ALONE] + done[WHOLE] + done[SALT] > 0
    assert target.kind == "receipt" or done[SALT] == 0


def test_every_bit_at_the_end_of_the_newest_file_is_found():
    """No other file names its bytes yet."""
    size = len(NEWEST.read())
    done = flips.flip(NEWEST, range((size - LAST_BYTES) * 8, size * 8))
    assert (done["flipped"], done[ALONE], done["missed"]) == (LAST_BYTES * 8, LAST_BYTES * 8, [])


@pytest.mark.parametrize("target", [one for one in TARGETS if one.kind != "file"], ids=ids)
def test_every_bit_at_the_end_of_what_is_text_is_found(target):
    """The newline too: only plain white space may stand around a receipt."""
    size = len(target.read())
    done = flips.flip(target, range((size - 2) * 8, size * 8))
    assert (done[ALONE] + done[WHOLE], done["missed"]) == (16, [])


def test_what_a_file_is_guilty_of_alone_the_whole_verification_reports(tmp_path):
    """So the quick judge says nothing that `audit.verify` would not."""
    chosen = random.Random(11)  # noqa: S311
    for number, target in enumerate(TARGETS):
        judge = Judge(tmp_path / str(number), target)
        for bit in chosen.sample(range(len(judge.good) * 8), 2):
            data = bytearray(judge.good)
            data[bit // 8] ^= 1 << bit % 8
            assert judge.whole(data) == (judge.verdict(data) in (ALONE, WHOLE)), (target, bit)


def test_a_judge_misses_what_is_no_damage(tmp_path):
    judge = Judge(tmp_path, NEWEST)
    assert judge.verdict(judge.good) == MISSED


class Journal:
    """One in memory."""

    def __init__(self, steps=()):
        self.steps = list(steps)

    def add(self, step):
        self.steps.append(step)


def test_a_proof_that_was_broken_off_goes_on(monkeypatch):
    small = [target for target in TARGETS if target.kind in ("checkpoint", "given")]
    monkeypatch.setattr(flips, "targets", lambda: small)
    whole = Journal()
    told = flips.flips(whole, 1)
    assert (told["targets"], told["bits_flipped"], told["missed"]) == (4, sum(len(one.read()) for one in small), [])
    resumed = Journal(whole.steps[:2])
    assert flips.flips(resumed, 1) == told
    assert len(resumed.steps) == 4
