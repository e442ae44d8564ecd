"""The adversary kit: what somebody with the files, or with the signing key too, may do to a root, and what shows it.

Each attack has a named test, here or in the file that is named with it; `test_the_table_is_true` looks them up.
"Outside": nothing in the root can show the attack; the test proves that, and that a head from outside does.

| attack | test |
|---|---|
| any bit of any file | test_flips.py::test_a_flipped_bit_is_found |
| tail cut below a pinned head | test_audit_verify.py::test_a_cut_tail_is_caught_by_a_pinned_head_and_by_a_receipt |
| tail cut above the last pinned head (outside) | test_a_tail_that_no_head_pins_is_cut |
| the control log's own tail cut (outside) | test_the_tail_of_the_control_log_is_cut |
| the whole root rolled back (outside) | test_audit_verify.py::test_a_rollback_of_the_whole_root_needs_an_outside_head |
| the same, seen by a witness | test_witness_root.py::test_a_rollback_is_caught_by_the_witness_and_by_what_it_wrote |
| fork with the real key (outside) | test_audit_verify.py::test_a_fork_signed_with_the_real_key_is_caught_by_a_receipt |
| fork with the real key, one view to each of two witnesses (outside) | test_a_fork_is_shown_to_two_witnesses |
| files swapped, missing, added | test_audit_verify.py::test_swapped_missing_and_stray_files |
| a file of another log or root in a file's place | test_a_file_of_another_log_or_root_is_put_in |
| a file signed again with another key | test_audit_verify.py::test_a_log_signed_again_with_another_key_is_caught |
| the whole root made anew with another key (outside) | test_the_whole_root_is_made_anew_with_another_key |
| old receipt shown for another text | test_an_old_receipt_is_shown_for_another_text |
| receipt of another root | test_audit_verify.py::test_a_receipt_holds_for_its_own_root_only |
| content nulled in a segment | lies.py::content that is gone |
| content nulled in a pack, no erase record | lies.py::a pack without content |
| content nulled, with a false erase record (a limit) | test_a_false_erase_record_excuses_missing_content |
| content of another record | lies.py::another content |
| statistics patched, not signed | test_audit_verify.py::test_patched_statistics_are_found |
| statistics patched by the signer | lies.py::statistics |
| Bloom filter patched by the signer | lies.py::a Bloom filter |
| subtree roots, by the signer | test_second_verifier.py::test_both_catch_a_signer_who_lies_about_the_root_of_a_block |
| column that differs from its leaf | lies.py::a column |
| an exchange log removed or added | test_audit_verify.py::test_a_removed_or_added_log_is_caught |
| the control log removed | test_the_control_log_is_removed |
| pack replaced by an older generation | lies.py::the generation of a pack |
| pack replaced by another under the same name | test_another_pack_is_put_under_the_name_of_the_one_on_record |
| unnamed pack, its segments deleted | test_an_unnamed_pack_does_not_stand_for_what_was_deleted |
| prefix deleted without a prune record | lies.py::a prefix that nobody pruned |
| prune record lies about the frontier | lies.py::the tree before a prefix |
| prune record lies about the end | lies.py::the end of a prefix |
| key record missing | test_the_next_key_signs_without_a_key_record |
| key record of a key that is not the next | lies.py::the next key |
| retired key used | test_lifecycle_rotate.py::test_what_the_old_key_signs_after_it_was_retired_is_refused |
| endorsement damaged or missing | test_lifecycle_rotate.py::test_a_chain_that_the_old_key_did_not_endorse_is_refused |
| endorsement by a stranger | test_a_stranger_endorses_himself |
| second successor of a key, by its thief | test_the_old_key_endorses_a_second_successor |
| leaf that two readers may read differently | test_adversary_leaves.py::test_a_leaf_may_not_be_read_in_two_ways |
| leaf in another order or encoding | test_adversary_leaves.py::test_a_leaf_in_another_order_or_form_is_refused |
| leaf of wrong version, type, place, time, seal | test_audit_verify.py::test_even_the_signer_must_keep_the_rules |
| false head pinned | lies.py::the root of a tree |
| garbage in a file's place | test_audit_verify.py::test_garbage_never_raises |
"""

import dataclasses
import json
import re
import shutil
from pathlib import Path

import pytest

from audit import init, keys, rotate
from audit.checkpoint import VerifierKey
from audit.folder import File
from audit.heads import Heads
from audit.keyring import KeyRing, _message, read_ring
from audit.pack import encode_pack
from audit.record import Entry, Kind, canonical
from audit.segment import Row, encode, open_file
from audit.store import open_store
from audit.upkeep import Upkeep, run_once
from audit.witness import witness_root
from tests.golden import lies

HERE = Path(__file__).parent


def test_the_table_is_true():
    rows = re.findall(r"^\| ([^|]+) \| (?:(\w+\.py)::)?([^|]+) \|$", __doc__ or "", re.MULTILINE)[1:]
    assert len({attack for attack, _, _ in rows}) == len(rows) > 40
    for attack, file, name in rows:
        held = name in lies.LIES if file == "lies.py" else f"def {name}(" in (HERE / (file or __file__)).read_text()
        assert held, attack
    here = set(re.findall(r"^def (test_\w+)", Path(__file__).read_text(), re.MULTILINE))
    assert here - {name for _, file, name in rows if not file} == {"test_the_table_is_true"}


@pytest.fixture
def told(world):
    """Two answers and a request in three files, pinned by a head; `log` is open."""
    world.log = world.open()
    world.receipts = [world.log.append(world.exchange(f"r{n}", "Cross-", f"site {n}"))[-1] for n in range(2)]
    world.log.append([world.request("r2")])
    world.open("control").append([Entry.operational(Kind.head, world.log.head())])
    assert world.verify()[0] == 0
    return world


def kept(world, name, text):
    """What somebody keeps outside the root."""
    path = world.home / name
    path.write_text(text)
    return path


def copy(world, name):
    """The same root and keys elsewhere."""
    for folder in ("audit", "keys"):
        shutil.copytree(world.home / folder, world.home / name / folder)
    return dataclasses.replace(world, home=world.home / name)


def test_a_tail_that_no_head_pins_is_cut(told):
    (receipt,) = told.log.append([told.request("late")])
    head, proof = kept(told, "head", told.log.checkpoint()), kept(told, "proof", receipt.proof)
    told.segments()[-1].unlink()
    code, report = told.verify()
    assert (code, "rollback" in report["notes"][0]) == (0, True)  # not seen from inside, and it says so
    for flag, path in (("--checkpoint", head), ("--receipt", proof)):
        code, report = told.verify(told.root, flag, path)
        assert (code, report["first_bad"]["index"]) == (1, receipt.idx)


def test_the_tail_of_the_control_log_is_cut(told):
    head = kept(told, "head", told.open("control").checkpoint())
    told.segments("control")[-1].unlink()
    assert told.verify()[0] == 0
    code, report = told.verify(told.root, "--checkpoint", head)
    assert (code, report["first_bad"]["file"]) == (1, "control/seg")


def test_a_fork_is_shown_to_two_witnesses(told):
    """Each is content with its view, so is the verifier with either; any exchange between them is proof."""
    ring, views = read_ring(told.store), [told, copy(told, "other")]
    outs = []
    for number, view in enumerate(views):
        (receipt,) = view.open().append([view.request(f"only-{number}")])
        assert receipt.idx == told.log.size
        outs.append(told.home / f"out-{number}")
        outs[-1].mkdir()
        heads = Heads.open(told.home / f"witness-{number}")
        findings = list(witness_root(open_store(view.root), ring, heads, None, outs[-1]))
        assert [finding.status for finding in findings] == [0, 0]
    seen = [out / "exchange-0.checkpoint" for out in outs]
    for number, view in enumerate(views):
        assert view.verify()[0] == 0
        assert view.verify(view.root, "--checkpoint", seen[number])[0] == 0
        code, report = view.verify(view.root, "--checkpoint", seen[1 - number])
        assert (code, report["first_bad"]["index"]) == (1, told.log.size)
        state = told.home / f"witness-{number}"
        findings = list(witness_root(open_store(views[1 - number].root), ring, Heads.open(state), None, None))
        assert [finding.status for finding in findings] == [0, 1]
        assert len(list(state.glob("evidence-*"))) == 2


def test_a_file_of_another_log_or_root_is_put_in(told):
    init.begin(told.home / "foreign", told.home / "foreign-keys", "test", 1)
    target = told.segments()[0]
    data = target.read_bytes()
    for source in (told.segments("control")[0], told.home / "foreign" / "exchange-0" / "seg" / target.name):
        target.write_bytes(source.read_bytes())
        code, report = told.verify()
        assert (code, report["first_bad"]["file"]) == (1, f"exchange-0/seg/{target.name}")
    target.write_bytes(data)
    assert told.verify()[0] == 0


def test_the_whole_root_is_made_anew_with_another_key(told):
    head, key = kept(told, "head", told.log.checkpoint()), kept(told, "key", (told.root / "log.vkey").read_text())
    shutil.rmtree(told.root)
    init.begin(told.root, told.home / "stranger", "test", 1)
    stranger = keys.load(told.home / "stranger")
    assert stranger.signer.public_key() != told.keys.signer.public_key()
    code, report = told.verify()
    assert (code, report["key_source"]) == (0, "root")  # a root cannot vouch for its own key
    assert told.verify(told.root, "--key", key)[1]["first_bad"]["file"] == "log.vkey"
    assert told.verify(told.root, "--checkpoint", head)[0] == 1


def test_an_old_receipt_is_shown_for_another_text(told):
    """A receipt binds the text of its answer. One of a request binds none, and says so: its leaf is of that kind."""
    key = told.root / "log.vkey"
    requested = told.log.receipt("r0")[0]

    def shown(text, receipt):
        answer = {"choices": [{"message": {"content": text}}], "preceptor": {"receipt": receipt.proof}}
        return told.verify("--key", key, "--receipt", kept(told, "answer", json.dumps(answer)))

    for n, receipt in enumerate(told.receipts):
        assert shown(f"Cross-site {n}", receipt)[0] == 0
        for text in (f"Cross-site {1 - n}", f"Cross-site {n} ", ""):
            code, report = shown(text, receipt)
            assert (code, "not the text that the record commits to" in report["receipts"][0]["reason"]) == (1, True)
    assert (requested.kind, shown("anything", requested)[0]) == ("request", 0)


def test_a_false_erase_record_excuses_missing_content(told, monkeypatch):
    """The limit of erasure: whoever may append to the control log can excuse it. The record stays, and so do proofs."""
    lies.pack(lies.without_content)(told, monkeypatch)
    code, report = told.verify()
    assert (code, report["first_bad"]["file"]) == (1, f"exchange-0/pack/{told.names('exchange-0/pack')[0]}")
    tag = told.log.tag("school", "ada")
    told.open("control").append([Entry.operational(Kind.erase, {"subject": tag, "epoch": 1})])
    proof = kept(told, "proof", told.receipts[0].proof)
    assert told.verify(told.root, "--receipt", proof)[0] == 0
    assert told.open("control").tail(0)[-1]["fields"]["subject"] == tag


def test_the_control_log_is_removed(told):
    shutil.rmtree(told.root / "control")
    code, report = told.verify()
    assert (code, report["first_bad"]["file"].split("/")[0]) == (1, "control")


def test_another_pack_is_put_under_the_name_of_the_one_on_record(told):
    """By the signer: genuine by itself, but not the bytes that the record names."""
    reader = told.log.memory.reader
    assert run_once(Upkeep(told.log), reader.files[:-1])
    (path,) = (told.root / "exchange-0" / "pack").iterdir()
    good = path.read_bytes()
    source = open_file(good, reader.ring, 0)
    for erased in ({told.log.tag("school", "ada")}, {"nobody"}):
        path.write_bytes(encode_pack([source], erased, len(erased), told.keys.signer))
        assert path.read_bytes() != good
        code, report = told.verify()
        assert (code, report["first_bad"]["file"].split("/")[0]) == (1, "exchange-0")
    path.write_bytes(good)
    assert told.verify()[0] == 0


def test_an_unnamed_pack_does_not_stand_for_what_was_deleted(told):
    built = Upkeep(told.log).build(told.log.memory.reader.files[:-1])
    assert built is not None
    assert told.verify()[0] == 0
    for path in told.segments()[: len(built.sources)]:
        path.unlink()
    code, report = told.verify()
    assert (code, report["first_bad"]["file"]) == (1, "exchange-0/seg")


def tick(log):
    """The leaf of a next record, as a signer of his own would make it."""
    fields = {"idx": log.size, "kind": "tick", "fields": {"counts": {}}, "seal": log.memory.end.seal}
    return Row(canonical(log.tail(0)[-1] | {"content": None, "subject": None} | fields), None)


def test_the_next_key_signs_without_a_key_record(told):
    log = told.log
    ring = rotate._extend(told.store, read_ring(told.store), told.keys)
    assert told.verify()[0] == 0  # cut off before the first key record: nothing wrong yet
    signer = told.keys.signer_of(ring.keys[1].public)
    data = encode(log.origin, log.memory.end.frontier, [tick(log)], signer)
    assert log.memory.reader.folder.create(File(log.size), data)
    code, report = told.verify()
    assert (code, report["first_bad"]["reason"]) == (1, "signed by a key that is not in force here")


def endorsed(ring, signer, new):
    """`new` after the founding key, endorsed by whoever."""
    key = VerifierKey(ring.name, new.public_key().public_bytes_raw())
    return KeyRing((ring.keys[0], key), (signer.sign(_message(ring.keys[0], key)),))


def test_a_stranger_endorses_himself(told):
    key = kept(told, "key", (told.root / "log.vkey").read_text())
    stranger = keys.create(told.home / "stranger").signer
    (told.root / "log-2.vkey").write_text(str(endorsed(read_ring(told.store), stranger, stranger)))
    for more in ([], ["--key", key]):
        code, report = told.verify(told.root, *more)
        assert (code, report["first_bad"]["file"]) == (1, "log.vkey")


def test_the_old_key_endorses_a_second_successor(told):
    """The true successor's files are foreign to the false chain, and the false chain to who holds the true one."""
    founding = kept(told, "founding", (told.root / "log.vkey").read_text())
    thief, stranger = told.keys.signer, keys.create(told.home / "stranger").signer
    ring = rotate.rotate(told.root, told.keys)
    told.open().append([told.request("after")])
    chain = kept(told, "chain", str(ring))
    for pinned in (founding, chain):
        assert told.verify(told.root, "--key", pinned)[0] == 0
    (told.root / "log-2.vkey").write_text(str(endorsed(ring, thief, stranger)))
    for pinned in (founding, chain):
        assert told.verify(told.root, "--key", pinned)[0] == 1
