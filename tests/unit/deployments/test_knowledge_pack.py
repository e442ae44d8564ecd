"""A pack: what goes in, what does not, the same bytes, damage found, older ones read on while a newer one is shown."""

import json
import os
import re
import shutil
import stat
from fnmatch import fnmatch
from pathlib import Path

import pytest

from deployments.knowledge import layout
from deployments.knowledge.errors import BadPack, NoPack
from deployments.knowledge.pack import Pack
from deployments.knowledge.shelf import Shelf
from tests.unit.deployments.knowledge_fixture import letters, make_pack, opened, write_base
from train import pack as command


def bytes_of(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_the_same_base_gives_the_same_bytes_under_the_same_name(tmp_path: Path) -> None:
    one, two = (make_pack(tmp_path / name, with_vectors=True) for name in "ab")
    assert one.name == two.name == layout.digest_of(json.loads((one / layout.MANIFEST).read_bytes()))
    assert bytes_of(one) == bytes_of(two)
    assert not any(path.stat().st_mode & stat.S_IWOTH for path in one.rglob("*"))
    assert [path.name for path in (tmp_path / "a" / "packs").iterdir() if path.name.startswith(".")] == []


def test_what_may_only_seed_questions_is_not_in_it(tmp_path: Path) -> None:
    pack = Pack.open(make_pack(tmp_path))
    assert pack.get("c7921449-8b62-4c4d-8a83-d9281ac0190b") is None
    assert "exercise" not in pack.manifest["kinds"]
    assert "atomic" not in pack.manifest["sources"]
    assert all(b"How to dump LSASS memory." not in each for each in bytes_of(pack.folder).values())


def test_the_manifest_names_sources_with_their_notices_and_those_that_are_absent(tmp_path: Path) -> None:
    knowledge = opened(tmp_path)
    told = knowledge.pack.manifest["sources"]["cwe"]
    assert told["licence"] == "LicenseRef-CWE-TOU"
    assert "MITRE" in told["attribution"]
    assert {"sigma", "d3fend", "owasp-wstg"} <= set(knowledge.absent)
    assert "atomic" not in knowledge.absent  # nothing may be answered from it anyway


def test_links_lead_both_ways_and_a_thing_without_record_is_named(tmp_path: Path) -> None:
    pack = Pack.open(make_pack(tmp_path))
    technique, group = pack.row("T1003.001"), pack.row("G0016")
    assert technique is not None
    assert group is not None
    assert (group, "uses", technique) in {(each.subject, each.predicate, each.object) for each in pack.out(group)}
    assert {pack.thing(each.subject).id for each in pack.into(technique) if each.predicate == "mitigates"} == {
        "M1017", "M1043"}  # fmt: skip
    named = pack.get("CVE-1999-0009")
    assert named is not None
    assert named.status == layout.NAMED
    assert pack.get("T1003.999") is None


def test_of_two_records_with_one_id_and_day_the_later_one_is_kept(tmp_path: Path) -> None:
    thing = Pack.open(make_pack(tmp_path)).get("CAPEC-63")
    assert thing is not None
    assert thing.text == "Script in pages."


def test_a_changed_byte_is_found_and_its_file_named(tmp_path: Path) -> None:
    folder = make_pack(tmp_path)
    path = folder / layout.THINGS
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.chmod(0o644)
    path.write_bytes(data)
    with pytest.raises(BadPack, match=r"things\.arrow: expected digest"):
        Pack.open(folder)


def test_another_manifest_under_the_same_name_is_refused(tmp_path: Path) -> None:
    folder = make_pack(tmp_path)
    path = folder / layout.MANIFEST
    told = json.loads(path.read_bytes())
    path.chmod(0o644)
    path.write_bytes(layout.manifest_bytes(told | {"base": "0" * 64}))
    with pytest.raises(BadPack, match="expected digest"):
        Pack.open(folder)
    path.write_bytes(layout.manifest_bytes(told | {"layout": 99}))
    with pytest.raises(BadPack, match="expected layout"):
        Pack.open(folder)


def test_without_a_manifest_there_is_no_pack(tmp_path: Path) -> None:
    with pytest.raises(NoPack):
        Pack.open(tmp_path)


def test_vectors_of_texts_that_were_seen_are_not_made_again(tmp_path: Path) -> None:
    make_pack(tmp_path, with_vectors=True)
    asked: list[str] = []

    def never(text: str) -> object:
        asked.append(text)
        return letters(text)

    from train.packing.building import build

    again = build(str(tmp_path / "base"), tmp_path / "packs", lambda *_: None, never, "letters")
    assert asked == []
    assert Pack.open(again).manifest["vectors"] == "letters"


def test_a_newer_pack_is_shown_while_the_older_is_read_on(tmp_path: Path) -> None:
    plain, full = make_pack(tmp_path), make_pack(tmp_path, with_vectors=True)
    assert plain.name != full.name
    shelf = Shelf(tmp_path / "packs", lambda: letters)
    assert shelf.current is None
    older = shelf.show(plain.name)
    newer = shelf.show(full.name)
    assert shelf.current is newer
    assert shelf.show(full.name) is newer
    (tmp_path / "packs").chmod(0o755)
    for path in (plain, *plain.rglob("*")):
        path.chmod(0o755)
    shutil.rmtree(plain)
    assert older.answer("Which mitigations exist for T1003.001?")[0].things == ("M1017", "M1043")
    with pytest.raises(NoPack):
        shelf.show(plain.name[::-1])
    assert shelf.current is newer


def test_the_newest_whole_pack_of_a_folder_is_followed(tmp_path: Path) -> None:
    shelf = Shelf(tmp_path / "packs", lambda: letters)
    assert shelf.follow() is None  # no folder yet
    plain = make_pack(tmp_path)
    assert shelf.follow() == plain.name
    assert shelf.follow() is None
    full = make_pack(tmp_path, with_vectors=True)
    assert shelf.follow() == full.name
    (tmp_path / "packs").chmod(0o755)
    broken = tmp_path / "packs" / ("0" * 64)
    shutil.copytree(plain, broken)
    os.utime(broken / "manifest.json")
    with pytest.raises(BadPack):
        shelf.follow()
    assert shelf.follow() is None  # said once
    assert shelf.current is not None
    assert shelf.current.digest == full.name


def test_the_command_writes_a_pack_and_says_its_digest(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    root = write_base(tmp_path / "base")
    assert command.main(["--root", root, "--out", str(tmp_path / "packs")]) == 0
    told = json.loads(capsys.readouterr().out)
    assert Pack.open(tmp_path / "packs" / told["digest"]).manifest["vectors"] is None
    assert command.main(["--root", str(tmp_path / "nowhere"), "--out", str(tmp_path / "packs")]) == 2


def test_the_document_names_every_file_of_a_pack(tmp_path: Path) -> None:
    document = (Path(__file__).parents[3] / "docs" / "knowledge-pack.md").read_text()
    named = re.findall(r"`([\w*.]+(?:\.arrow|\.npy|\.json|/))`", document)
    patterns = [f"{name}*" if name.endswith("/") else name for name in named]
    written = bytes_of(make_pack(tmp_path, with_vectors=True))
    assert {name for name in written if not any(fnmatch(name, pattern) for pattern in patterns)} == set()
    assert [pattern for pattern in patterns if not any(fnmatch(name, pattern) for name in written)] == []
