"""The store of subject keys: who gets which key while people are erased, and its backups."""

import contextlib
import dataclasses
import io
import json
import os
import shutil
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from audit import disk, keys, keystore, subjects
from audit.erasure import erase
from audit.errors import BadKeys, Unavailable
from audit.keys import SubjectKeys

REPOSITORY = Path(__file__).resolve().parents[3]


def command(*arguments: object) -> tuple[int, dict]:
    with contextlib.redirect_stdout(io.StringIO()) as out:
        code = keystore.main([str(argument) for argument in arguments])
    return code, json.loads(out.getvalue())


def fresh(world) -> SubjectKeys:
    return SubjectKeys.load(world.home / "keys")


def test_a_backup_is_private_whole_and_holds_no_signing_key(world, tmp_path):
    tags = {name: fresh(world).of("school", name).tag("school") for name in ("ada", "bob")}
    fresh(world).erase("school", "bob")
    code, report = command("backup", tmp_path / "keys", tmp_path / "saved")
    assert (code, report) == (
        0, {"valid": True, "keys": 1, "erasures": 1, "signing_keys": 0, "erased_again": 0, "faults": []},
    )  # fmt: skip
    paths = list((tmp_path / "saved").rglob("*"))
    assert {path.stat().st_mode & 0o777 for path in paths if path.is_dir()} == {0o700}
    assert {path.stat().st_mode & 0o777 for path in paths if path.is_file()} == {0o600}
    assert not list((tmp_path / "saved").glob("log*"))
    saved = SubjectKeys.load(tmp_path / "saved")
    assert saved.by_tag("school", tags["ada"]) == fresh(world).of("school", "ada")
    assert saved.by_tag("school", tags["bob"]) is None
    assert command("check", tmp_path / "saved")[0] == command("check", tmp_path / "keys")[0] == 0
    assert command("backup", tmp_path / "keys", tmp_path / "all", "--with-signing-keys")[1]["signing_keys"] == 1
    assert keys.load(tmp_path / "all").public == world.keys.public


def test_a_restored_backup_brings_nobody_back(world, tmp_path):
    """Bob was erased after the backup, Carl came and went after it, Dan was erased twice, Ada stays."""
    log = world.open()
    people = [dataclasses.replace(world.request(f"r-{name}", f"I am {name}"), subject=name) for name in ("ada", "bob")]
    receipts = log.append([*people, dataclasses.replace(world.request("r-dan"), subject="dan")])
    erase(world.root, world.keys, "school", "dan")
    assert command("backup", tmp_path / "keys", tmp_path / "saved")[0] == 0
    log = world.open()
    later = [dataclasses.replace(world.request(f"r2-{name}"), subject=name) for name in ("carl", "dan")]
    receipts += log.append(later)
    for name in ("bob", "carl", "dan"):
        assert erase(world.root, world.keys, "school", name)
    shutil.rmtree(tmp_path / "keys")
    code, report = command("restore", tmp_path / "saved", tmp_path / "keys", "--root", world.root)
    assert (code, report["erased_again"], report["erasures"], report["keys"]) == (0, 3, 4, 1)
    store = fresh(world)
    assert [store.by_tag("school", receipt.subject) is not None for receipt in receipts] == [True, *[False] * 4]
    assert set(store.erasures()) == {receipt.subject for receipt in receipts[1:]}
    assert store.of("school", "bob").epoch == 1
    assert store.of("school", "bob").tag("school") not in {receipt.subject for receipt in receipts}
    assert [code for code, _ in (command("check", tmp_path / "keys"), world.verify())] == [0, 0]


def test_writers_of_a_restored_folder_go_on(world, tmp_path):
    (receipt,) = world.open().append([world.request("r1")])
    command("backup", tmp_path / "keys", tmp_path / "saved", "--with-signing-keys")
    shutil.rmtree(tmp_path / "keys")
    assert command("restore", tmp_path / "saved", tmp_path / "keys", "--root", world.root)[0] == 0
    log = world.open()
    assert log.receipt("r1") == [receipt]
    (again,) = log.append([world.request("r2")])
    assert again.subject == receipt.subject
    assert world.verify()[0] == 0


def test_restore_needs_a_control_log_that_verifies(world, tmp_path):
    command("backup", tmp_path / "keys", tmp_path / "saved")
    path = world.segments("control")[-1]
    path.write_bytes(path.read_bytes()[:-1])
    code, report = command("restore", tmp_path / "saved", tmp_path / "other", "--root", world.root)
    assert (code, report["valid"], len(report["faults"])) == (2, False, 1)
    assert command("restore", tmp_path / "saved", tmp_path / "other", "--root", tmp_path / "nowhere")[0] == 2
    assert not (tmp_path / "other").exists()


def test_what_is_there_is_never_replaced_and_what_fails_leaves_nothing(world, tmp_path, monkeypatch):
    fresh(world).of("school", "ada")
    (tmp_path / "there").mkdir()
    assert command("backup", tmp_path / "keys", tmp_path / "there")[0] == 2
    assert command("backup", tmp_path / "nowhere", tmp_path / "saved")[0] == 2
    assert command("check", tmp_path / "nowhere")[0] == 2
    monkeypatch.setattr(keystore, "_write", lambda *_: (_ for _ in ()).throw(OSError(28, "No space left")))
    code, report = command("backup", tmp_path / "keys", tmp_path / "saved")
    assert (code, "No space left" in report["faults"][0]) == (2, True)
    assert not list(tmp_path.glob("*saved*"))


def test_a_backup_leaves_out_what_is_damaged_and_says_so(world, tmp_path):
    for name in ("ada", "bob"):
        fresh(world).of("school", name)
    tag = fresh(world).of("school", "bob").tag("school")
    path = tmp_path / "keys" / "tags" / tag
    path.write_bytes(path.read_bytes().replace(b'"epoch": 0', b'"epoch": 1'))
    code, report = command("check", tmp_path / "keys")
    assert (code, any(tag in fault for fault in report["faults"])) == (1, True)
    code, report = command("backup", tmp_path / "keys", tmp_path / "saved")
    assert (code, report["keys"], len(report["faults"])) == (1, 1, 1)
    assert command("check", tmp_path / "saved")[0] == 0


def swap(folder: Path, one: Path, two: Path) -> None:
    """Put the second tag's key under the first one's subject."""
    subject = folder / "subjects" / json.loads(one.read_bytes())["name"]
    subject.unlink()
    os.link(two, subject)


DAMAGES = {
    "mode": lambda folder, *_: (folder / "subjects").chmod(0o750),
    "file mode": lambda _, one, *__: one.chmod(0o640),
    "kek": lambda folder, *_: (folder / "kek.key").write_bytes(bytes(32)),
    "kek length": lambda folder, *_: (folder / "kek.key").write_bytes(bytes(31)),
    "no kek": lambda folder, *_: (folder / "kek.key").unlink(),
    "mark": lambda folder, *_: next((folder / "erased").iterdir()).write_bytes(b"{}"),
    "another's key": swap,
    "second tag": lambda folder, one, _: os.link(one, folder / "tags" / ("0" * 64)),
    "erased tag": lambda folder, _, carl: (folder.parent / "carl").rename(carl),
    "signing key": lambda folder, *_: (folder / "log.key").write_bytes(b"short"),
    "left by a killed writer": lambda folder, *_: (folder.parent / "carl").rename(folder / "subjects" / ".tmp-0"),
}


@pytest.mark.parametrize("how", DAMAGES)
def test_check_names_what_is_wrong(world, tmp_path, how):
    store, folder = fresh(world), tmp_path / "keys"
    one, two, carl = (folder / "tags" / store.of("school", name).tag("school") for name in ("ada", "bob", "carl"))
    shutil.copy(carl, tmp_path / "carl")
    store.erase("school", "carl")
    report = {"valid": True, "keys": 2, "erasures": 1, "signing_keys": 1, "erased_again": 0, "faults": []}
    assert command("check", folder) == (0, report)
    damaged = DAMAGES[how]
    damaged(folder, one, carl if how == "erased tag" else two)
    code, report = command("check", folder)
    assert (code, report["valid"], bool(report["faults"])) == (1, False, True)


WRITER = """
import sys, time
from pathlib import Path
from audit.keys import SubjectKeys
for n in range(10**6):
    time.sleep(0.01)
    print(SubjectKeys.load(Path(sys.argv[1])).of("school", f"{sys.argv[2]}-{n}").tag("school"), flush=True)
"""


def test_a_backup_is_consistent_while_writers_run_and_people_are_erased(world, tmp_path):
    folder = tmp_path / "keys"
    commands = [[sys.executable, "-c", WRITER, str(folder), name] for name in "ab"]
    writers = [subprocess.Popen(each, cwd=REPOSITORY, stdout=subprocess.PIPE, text=True) for each in commands]
    try:
        known = [writer.stdout.readline().strip() for writer in writers for _ in range(3)]
        for turn in range(6):
            store = fresh(world)
            store.of("school", f"erased-{turn}")
            eraser = threading.Thread(target=store.erase, args=("school", f"erased-{turn}"))
            eraser.start()
            assert command("backup", folder, tmp_path / f"saved-{turn}")[0] == 0
            eraser.join()
            saved = SubjectKeys.load(tmp_path / f"saved-{turn}")
            assert all(saved.by_tag("school", tag) for tag in known)
            assert command("check", folder)[0] == command("check", tmp_path / f"saved-{turn}")[0] == 0
    finally:
        for writer in writers:
            writer.kill()
            writer.communicate()


def test_no_key_is_handed_out_that_an_erasure_names_though_it_was_cut_off(world, monkeypatch):
    """Killed between the mark and the destruction: the old key is still on disk."""
    store = fresh(world)
    old = store.of("school", "ada")
    with monkeypatch.context() as killed:
        killed.setattr(subjects, "_replace", lambda *_: (_ for _ in ()).throw(OSError(5, "killed")))
        with pytest.raises(Unavailable):
            store.erase("school", "ada")
    assert (fresh(world).folder / "tags" / old.tag("school")).exists()
    for each in (store, fresh(world)):
        assert each.by_tag("school", old.tag("school")) is None
    assert fresh(world).of("school", "ada").epoch == 1
    assert command("check", world.home / "keys")[0] == 0
    assert store.of("school", "ada") == fresh(world).of("school", "ada") != old


def test_a_repeated_erasure_is_the_same_until_the_subject_comes_back(world):
    store = fresh(world)
    assert store.erase("school", "nobody") is None
    store.of("school", "ada")
    first = store.erase("school", "ada")
    assert store.erase("school", "ada") == fresh(world).erase("school", "ada") == first
    store.of("school", "ada")
    second = store.erase("school", "ada")
    assert (first.epoch, second.epoch, len(fresh(world).erasures())) == (0, 1, 2)


@pytest.mark.timeout(60)
def test_erasing_and_using_a_subject_at_once_never_leaves_a_stranger_under_a_tag(world):
    """Threads with stores of their own use one person, who is erased again and again."""
    stop, errors = threading.Event(), []

    def use(store: SubjectKeys) -> None:
        try:
            while not stop.is_set():
                known = set(store.erasures())
                tag = store.of("school", "ada").tag("school")
                if tag in known:
                    errors.append(f"{tag} was erased")
                store.by_tag("school", tag)
        except Exception as error:
            errors.append(error)

    shared = fresh(world)
    threads = [threading.Thread(target=use, args=(store,)) for store in (shared, shared, fresh(world))]
    for thread in threads:
        thread.start()
    for _ in range(25):
        fresh(world).erase("school", "ada")
        time.sleep(0.01)
    stop.set()
    for thread in threads:
        thread.join()
    assert errors == []
    assert command("check", world.home / "keys")[0] == 0


def test_what_a_killed_writer_left_of_a_key_goes_with_the_erasure(world):
    store = fresh(world)
    tag = store.of("school", "ada").tag("school")
    left = store.folder / "subjects" / f"{disk.TEMPORARY}left"
    os.link(store.folder / "tags" / tag, left)
    store.erase("school", "ada")
    assert not left.exists()


def test_a_key_folder_without_its_subjects_is_refused(world):
    (world.home / "keys" / "tags").rmdir()
    with pytest.raises(BadKeys, match="tags"):
        fresh(world)


def test_a_key_file_opens_as_itself_or_not_at_all(world):
    store = fresh(world)
    key = store.of("school", "ada")
    (path,) = (store.folder / "subjects").iterdir()
    data = path.read_bytes()
    for bit in range(len(data) * 8):
        flipped = bytearray(data)
        flipped[bit // 8] ^= 1 << bit % 8
        try:
            assert store.unwrap(bytes(flipped)) == (path.name, key)
        except BadKeys:
            continue


@given(st.binary() | st.sampled_from([b"[" * 100_000, b"{}", b'{"v": 1}', b"[]", b"null"]))
def test_what_is_no_key_file_is_refused(data):
    with pytest.raises(BadKeys):
        SubjectKeys(Path("nowhere"), bytes(32)).unwrap(data)
