"""The verifier, against everything somebody with the files may do. Named tests: what is caught, and what is not."""

import dataclasses
import json
import random
import shutil
import threading

import pytest

from audit import keys, segment
from audit.errors import BadSegment
from audit.folder import LogFolder
from audit.keyring import KeyRing
from audit.merkle import Frontier
from audit.segment import Row, decode, encode
from audit.store import LocalStore
from audit.upkeep import pack_all


@pytest.fixture
def filled(world):
    log = world.open()
    world.receipts = log.append(world.exchange("r1", "Cross-", "site"))
    log.append([world.request("r2")])
    log.append(world.exchange("r3", "again"))
    control = world.open("control")
    from audit.record import Entry, Kind

    control.append([Entry.operational(Kind.head, log.head())])
    return world


def ring_of(world) -> KeyRing:
    return KeyRing((LogFolder(LocalStore(world.root / "exchange-0")).key(),))


def flip(data: bytes, bit: int) -> bytes:
    flipped = bytearray(data)
    flipped[bit // 8] ^= 1 << bit % 8
    return bytes(flipped)


def test_a_good_root_is_valid_and_says_what_it_cannot_know(filled):
    code, report = filled.verify()
    assert (code, report["valid"], report["first_bad"], report["key_source"]) == (0, True, None, "root")
    assert [log["size"] for log in report["logs"]] == [3, 9]
    assert "rollback" in report["notes"][0]
    code, report = filled.verify(filled.root, "--key", filled.root / "log.vkey")
    assert (code, report["key_source"]) == (0, "given")


def test_every_bit_of_a_segment_counts(filled):
    key = ring_of(filled)
    data = filled.segments()[0].read_bytes()
    for bit in range(len(data) * 8):
        with pytest.raises(BadSegment):
            decode(flip(data, bit), key, 0)


def test_flips_anywhere_in_the_root_are_found_and_named(filled):
    chosen = random.Random(7)  # noqa: S311
    files = [*filled.segments(), *filled.segments("control")]
    for _ in range(40):
        path = chosen.choice(files)
        data = path.read_bytes()
        path.write_bytes(flip(data, chosen.randrange(len(data) * 8)))
        code, report = filled.verify()
        path.write_bytes(data)
        assert (code, report["first_bad"]["file"]) == (1, str(path.relative_to(filled.root)))
    for name in ("log.vkey", "control/log.vkey", "exchange-0/log.vkey"):
        data = (filled.root / name).read_bytes()
        for bit in range(0, len(data) * 8, 13):
            (filled.root / name).write_bytes(flip(data, bit))
            assert filled.verify()[0] == 1, (name, bit)
        (filled.root / name).write_bytes(data)
    outside = filled.home / "key"
    data = (filled.root / "log.vkey").read_bytes()
    for bit in range(0, len(data) * 8, 13):
        outside.write_bytes(flip(data, bit))
        assert filled.verify(filled.root, "--key", outside)[0] == 1


def test_patched_statistics_are_found(filled):
    """A leaf-only verifier would call this valid, and a reader would miss the row."""
    path = filled.segments()[-1]
    data = path.read_bytes()
    at = data.rindex(b"window")
    path.write_bytes(data[:at] + b"windox" + data[at + 6 :])
    assert filled.verify()[1]["first_bad"]["file"] == f"exchange-0/seg/{path.name}"


def test_a_cut_tail_is_caught_by_a_pinned_head_and_by_a_receipt(filled, tmp_path):
    last = filled.segments()[-1]
    last.unlink()
    code, report = filled.verify()
    assert (code, report["first_bad"]["index"]) == (1, 6)
    assert "control record" in report["first_bad"]["reason"]


def test_a_rollback_of_the_whole_root_needs_an_outside_head(filled, tmp_path):
    old = tmp_path / "old"
    shutil.copytree(filled.root, old)
    log = filled.open()
    (receipt,) = log.append([filled.request("r9")])
    head, proof = tmp_path / "head", tmp_path / "proof"
    head.write_text(log.checkpoint())
    proof.write_text(receipt.proof)
    assert filled.verify(old)[0] == 0  # the stated limit
    assert filled.verify(old, "--checkpoint", head)[0] == 1
    assert filled.verify(old, "--receipt", proof)[0] == 1
    assert filled.verify(filled.root, "--checkpoint", head, "--receipt", proof)[0] == 0


def test_a_fork_signed_with_the_real_key_is_caught_by_a_receipt(filled, tmp_path):
    fork = tmp_path / "fork"
    shutil.copytree(filled.root, fork)
    one, two = filled.open(), dataclasses.replace(filled, home=tmp_path)
    (receipt,) = one.append([filled.request("theirs")])
    from audit.log import Log

    Log.open(fork / "exchange-0", two.keys).append([filled.request("ours")])
    proof = tmp_path / "proof"
    proof.write_text(receipt.proof)
    code, report = filled.verify(fork, "--receipt", proof)
    assert (code, report["first_bad"]["index"]) == (1, 9)


def test_swapped_missing_and_stray_files(filled):
    one, two = filled.segments()[1:3]
    a, b = one.read_bytes(), two.read_bytes()
    one.write_bytes(b)
    two.write_bytes(a)
    assert filled.verify()[1]["first_bad"]["file"].endswith(one.name)
    one.unlink()
    two.write_bytes(b)
    assert filled.verify()[1]["first_bad"]["index"] == 1
    one.write_bytes(a)
    (one.parent / "stray.parquet").write_bytes(a)
    assert filled.verify()[0] == 1
    (one.parent / "stray.parquet").unlink()
    assert filled.verify()[0] == 0


def test_a_removed_or_added_log_is_caught(filled):
    shutil.copytree(filled.root / "exchange-0", filled.root / "exchange-7")
    assert filled.verify()[1]["first_bad"]["file"] == "exchange-7"
    shutil.rmtree(filled.root / "exchange-7")
    shutil.rmtree(filled.root / "exchange-0")
    assert filled.verify()[1]["first_bad"]["file"].startswith("exchange-0")


def test_a_log_signed_again_with_another_key_is_caught(filled, tmp_path):
    stranger = keys.create(tmp_path / "stranger")
    path = filled.segments()[-1]
    good = decode(path.read_bytes(), ring_of(filled), int(path.stem))
    path.write_bytes(encode(good.head.origin, good.before, good.rows, stranger.signer))
    assert filled.verify()[0] == 1


@pytest.mark.parametrize("how", ["content", "other_content", "column", "index", "frontier", "json", "time", "seal"])
def test_even_the_signer_must_keep_the_rules(filled, how, monkeypatch):
    path = filled.segments()[-1]
    good = decode(path.read_bytes(), ring_of(filled), int(path.stem))
    rows, before = list(good.rows), good.before
    leaf = rows[0].leaf
    if how == "content":
        rows[0] = Row(leaf, None)
    elif how == "other_content":
        rows[0] = Row(leaf, rows[1].content)
    elif how == "column":
        real = segment._table
        monkeypatch.setattr(
            segment, "_table", lambda *a: real(*a).set_column(3, segment.SCHEMA.field(3), [["x"] * len(rows)])
        )
    elif how == "index":
        rows[0] = Row(leaf.replace(b'"idx":6', b'"idx":7'), rows[0].content)
    elif how == "frontier":
        before = Frontier(before.size, tuple(b"\0" * 32 for _ in before.nodes))
    elif how == "time":
        rows[0] = Row(leaf.replace(b'"ts":17', b'"ts":16'), rows[0].content)
    elif how == "seal":
        rows[0] = Row(leaf.replace(b'"start":5', b'"start":4'), rows[0].content)
    else:
        monkeypatch.setattr(segment, "parse_leaf", json.loads)
        rows[0] = Row(leaf.replace(b'"v":1', b'"v": 1'), rows[0].content)
    data = encode(good.head.origin, before, rows, filled.keys.signer)
    monkeypatch.undo()
    path.write_bytes(data)
    code, report = filled.verify()
    assert (code, report["first_bad"]["file"]) == (1, f"exchange-0/seg/{path.name}")


def test_a_log_that_is_being_written_and_packed_is_valid(filled):
    stop, log = threading.Event(), filled.open()
    packs = []

    def write():
        count = 0
        while not stop.is_set():
            log.append([filled.request(f"w{count}-{n}") for n in range(80)])
            count += 1
            packs.append(pack_all(log))

    writer = threading.Thread(target=write)
    writer.start()
    try:
        codes = [filled.verify()[0]]
        while sum(packs) < 4 and writer.is_alive():
            codes.append(filled.verify()[0])
    finally:
        stop.set()
        writer.join()
    assert set(codes) == {0}
    assert len(codes) > 3
    assert sum(packs) >= 4


def test_nothing_to_verify_is_not_valid(filled, tmp_path, capsys):
    empty = tmp_path / "empty"
    empty.mkdir()
    for arguments in ([empty], [tmp_path / "none"], ["--receipt", empty, "--key", filled.root / "log.vkey"]):
        code, report = filled.verify(*arguments)
        assert (code, report["valid"]) == (2, False)
    (filled.root / "log.vkey").unlink()
    assert filled.verify()[0] == 2


@pytest.mark.parametrize("garbage", [b"", b"PAR1", b"PAR1" * 1000, b"\xff" * 5000, b"preceptor-file-signature/v1:" * 9])
def test_garbage_never_raises(filled, garbage):
    for path in (filled.segments()[1], filled.segments("control")[0], filled.root / "log.vkey"):
        data = path.read_bytes()
        path.write_bytes(garbage)
        assert filled.verify()[0] == 1
        path.write_bytes(data)
    receipt = filled.home / "receipt"
    receipt.write_bytes(garbage)
    code, report = filled.verify("--key", filled.root / "log.vkey", "--receipt", receipt)
    assert (code, report["receipts"][0]["valid"]) == (1, False)


def saved(kind: str, proof: str) -> str:
    answer = {"choices": [{"message": {"content": "Cross-site"}}], "preceptor": {"receipt": proof}}
    if kind == "raw":
        return proof
    if kind == "json":
        return json.dumps(answer, indent=1)
    if kind == "headers":
        return "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n\r\n" + json.dumps(answer)
    if kind == "error":
        return json.dumps({"error": {"code": "content_filter", "preceptor": {"receipt": proof}}})
    chunks = [{"choices": [{"delta": {"content": text}}]} for text in ("Cross-", "site")]
    chunks.append({"choices": [{"delta": {}, "finish_reason": "stop"}], "preceptor": {"receipt": proof}})
    return "".join(f"data: {json.dumps(chunk)}\n\n" for chunk in chunks) + "data: [DONE]\n\n"


@pytest.mark.parametrize("kind", ["raw", "json", "headers", "error", "sse"])
def test_a_saved_answer_proves_itself_offline(filled, tmp_path, kind):
    key, file = tmp_path / "key", tmp_path / "answer"
    key.write_bytes((filled.root / "log.vkey").read_bytes())
    shutil.rmtree(filled.root)
    text = saved(kind, filled.receipts[-1].proof)
    file.write_text(text)
    code, report = filled.verify("--key", key, "--receipt", file)
    assert (code, report["receipts"]) == (0, [{"file": str(file), "valid": True, "reason": None}])
    file.write_text(text.replace("Cross-", "Kross-"))
    assert filled.verify("--key", key, "--receipt", file)[0] == (1 if "Cross-" in text else 0)
    file.write_text(text.replace("index 4", "index 3"))
    assert filled.verify("--key", key, "--receipt", file)[0] == 1


def test_a_receipt_holds_for_its_own_root_only(filled, tmp_path):
    stranger = tmp_path / "stranger"
    from audit import init

    init.begin(stranger / "audit", stranger / "keys", "test", 1)
    file = tmp_path / "proof"
    file.write_text(filled.receipts[0].proof)
    assert filled.verify("--key", stranger / "audit" / "log.vkey", "--receipt", file)[0] == 1
