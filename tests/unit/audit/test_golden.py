"""The golden vectors: built again they are the same bytes, the verifier says of them what is written down, and the page
that describes the format names what the code has."""

import base64
import hashlib
import hmac
import json
import re
from importlib.metadata import version
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from audit.cosignature import WitnessKey, cosigned_at
from audit.record import LEAF_KEYS, Kind
from audit.segment import SCHEMA
from tests.golden import build, entries, tables

PAGE = (Path(__file__).resolve().parents[3] / "docs" / "audit-format.md").read_text()
EXPECTED = json.loads((build.VECTORS / "expected.json").read_text())


def content(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def rows(log: str) -> list[dict]:
    """Every stored row of a log of the vectors, by index, whichever file holds it."""
    found = {}
    for path in sorted((build.VECTORS / "root" / log).rglob("*.parquet")):
        found |= {row["idx"]: row for row in pq.read_table(path).to_pylist()}
    return [found[index] for index in sorted(found)]


def test_the_vectors_are_built_again_byte_for_byte(tmp_path):
    """After a wanted change of format or libraries: python -m tests.golden.build."""
    assert EXPECTED["versions"] == {name: version(name) for name in build.LIBRARIES}
    build.build(tmp_path / "again")
    again, kept = content(tmp_path / "again"), content(build.VECTORS)
    assert sorted(again) == sorted(kept)
    assert [name for name in kept if again[name] != kept[name]] == []


def test_the_vectors_are_small_and_hold_no_private_key():
    kept = content(build.VECTORS)
    assert sum(map(len, kept.values())) < 100_000
    assert [name for name in kept if name.endswith(".key")] == []


def test_the_verifier_says_what_is_expected():
    report = build.report(build.VECTORS)
    assert report == EXPECTED["report"]
    assert (report["valid"], len(report["receipts"]), report["notes"]) == (True, 5, [])


def test_leaf_hashes_and_roots_are_those_of_the_stored_bytes():
    for origin, log in EXPECTED["logs"].items():
        leaves = [row["leaf"] for row in rows(origin.rpartition("/")[2])]
        assert [hashlib.sha256(b"\0" + leaf).hexdigest() for leaf in leaves] == log["leaf_hashes"]
        assert log["size"] == log["first"] + len(leaves)
    assert {log["first"] for log in EXPECTED["logs"].values()} == {0, 5}


def test_every_kind_of_record_is_in_the_vectors():
    found = {row["kind"] for log in ("control", "exchange-0") for row in rows(log)}
    assert found == set(Kind)


def test_the_text_of_a_record_opens_as_the_page_says():
    """RFC 5869 and AES-GCM by hand, from nothing but the person's secret."""
    known = EXPECTED["text"]
    row = next(row for row in rows("exchange-0") if row["idx"] == known["idx"])
    leaf, secret = json.loads(row["leaf"]), bytes.fromhex(known["secret"])
    assert leaf["subject"] == hmac.digest(secret, known["tenant"].encode(), "sha256").hex()
    prk = hmac.digest(bytes(32), secret, "sha256")
    record = ["preceptor/v1/record", leaf["origin"], leaf["request_id"], leaf["seq"], leaf["kind"]]
    info = json.dumps(record, separators=(",", ":")).encode()
    key = hmac.digest(prk, info + b"\1", "sha256")
    salt = hmac.digest(prk, key + info + b"\2", "sha256")
    assert salt.hex() == known["salt"]
    associated = json.dumps([leaf["request_id"], leaf["seq"], leaf["kind"]], separators=(",", ":")).encode()
    plain = AESGCM(key).decrypt(row["content"][:12], row["content"][12:], associated)
    assert plain == salt + known["text"].encode()
    assert leaf["content"] == {
        "commit": hashlib.sha256(plain).hexdigest(), "ct_sha256": hashlib.sha256(row["content"]).hexdigest(),
        "epoch": 0, "len": len(known["text"]),
    }  # fmt: skip


def test_the_words_of_an_answer_have_the_prints_that_the_page_says():
    """By hand, from the person's secret and the words alone."""
    known = EXPECTED["text"]
    said = dict(EXPECTED["words"])[entries.NONCE].encode()
    assert said == b"ANUMBERUSEDONCENOTWOMESSAGESAREALIKEEVENWHENTHEYSAYTHESAME"
    leaves = [json.loads(row["leaf"]) for row in rows("exchange-0") if row["kind"] == "answer"]
    leaf = next(leaf for leaf in leaves if leaf["fields"]["words_print"])
    prk = hmac.digest(bytes(32), bytes.fromhex(known["secret"]), "sha256")
    key = hmac.digest(prk, b'["preceptor/v1/words"]\1', "sha256")
    assert leaf["fields"]["words_print"] == hmac.digest(key, hashlib.sha256(said).digest(), "sha256").hex()
    record = ["preceptor/v1/record", leaf["origin"], leaf["request_id"], leaf["seq"], "answer"]
    info = json.dumps(record, separators=(",", ":")).encode()
    salt = hmac.digest(prk, hmac.digest(prk, info + b"\1", "sha256") + info + b"\2", "sha256")
    assert leaf["fields"]["words_commit"] == hmac.digest(salt, said, "sha256").hex()
    assert (leaf["fields"]["model_digest"], leaf["fields"]["policy_digest"]) == (entries.MODEL, entries.POLICY)


def test_the_erased_have_no_content_and_another_tag_afterwards():
    stored = rows("exchange-0")
    gone = [
        row for row in stored if row["content"] is None and (json.loads(row["leaf"])["content"] or {}).get("ct_sha256")
    ]
    later = [row for row in stored if row["content"] is not None and json.loads(row["leaf"])["content"]["epoch"] == 1]
    assert len(gone) >= 2
    assert later
    assert {row["subject"] for row in gone}.isdisjoint(row["subject"] for row in later)
    erased = [json.loads(row["leaf"])["fields"]["subject"] for row in rows("control") if row["kind"] == "erase"]
    assert erased == [gone[0]["subject"]]


def test_the_witness_and_the_tiles_speak_of_the_same_logs():
    key = WitnessKey.parse((build.VECTORS / "witness.vkey").read_text())
    assert cosigned_at((build.VECTORS / "cosigned.checkpoint").read_text(), key) == build.BEGIN_US // 10**6
    origin, log = next(item for item in EXPECTED["logs"].items() if item[0].endswith("/control"))
    tiles = build.VECTORS / "tiles" / "control"
    assert (tiles / "checkpoint").read_text().startswith(f"{origin}\n{log['size']}\n{log['root']}\n")
    hashes = (tiles / "tile" / "0" / f"000.p/{log['size']}").read_bytes()
    assert hashes.hex() == "".join(log["leaf_hashes"])


def test_a_large_pack_has_a_root_for_each_whole_block():
    large = EXPECTED["large"]
    assert large["size"] > build.LARGE > 4096
    assert [len(base64.b64decode(node)) for node in large["nodes"]] == [32]


@pytest.mark.parametrize("table", [tables.kinds_table, tables.parts_table])
def test_the_page_has_the_tables_that_the_code_gives(table):
    """python -m tests.golden.tables prints them."""
    assert table() in PAGE


def test_the_page_names_columns_leaf_keys_and_footer_keys():
    named = set(re.findall(r"^\| `([\w.]+)` \|", PAGE, re.MULTILINE))
    assert set(SCHEMA.names) <= named
    assert LEAF_KEYS | {"seal"} <= named
    path = next((build.VECTORS / "root" / "exchange-0" / "pack").iterdir())
    footer = {key.decode() for key in pq.read_metadata(path).metadata} - {"ARROW:schema"}
    assert footer == {name for name in named if name.startswith("preceptor.")}
