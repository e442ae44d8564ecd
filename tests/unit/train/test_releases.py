"""Which files of a publisher are fetched: the CVE List's baseline and deltas, ATT&CK's newest release."""

import gzip
import hashlib
import io
import json
import os
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from feed_server import Script, serving
from hypothesis import given
from hypothesis import strategies as st

from train import download, releases, sources
from train.download import Fetched, Patience
from train.errors import DownloadError
from train.releases import Asset
from train.sources import Source

REGISTER = sources.load()
INDEX = Path(os.environ.get("PRECEPTOR_DATA", "../shared/data")) / "knowledge" / "attack" / "index.json.gz"


def get(address: str, target: Path, expected: str | None) -> Fetched:
    patience = Patience(tries=2, first_wait=0.001, timeout=5.0, plain=True)
    return download.fetch(address, target, expected, patience=patience)


@pytest.fixture
def server() -> Iterator[Script]:
    with serving(Script()) as script:
        yield script


def here(name: str, script: Script, **more: Any) -> Source:
    """A source of the register, whose addresses lead to the server."""
    source = REGISTER[name]
    moved = [f"{script.address}/{each.partition('://')[2].partition('/')[2]}" for each in source.address]
    return source.model_copy(update={"address": moved, "within": f"{script.address}/"} | more)


def assets(*names: str) -> list[Asset]:
    return [Asset(name, f"https://example.com/{name}") for name in names]


RELEASES = assets(
    "2024-10-26_delta_CVEs_at_0400Z.zip", "2024-10-26_all_CVEs_at_midnight.zip.zip",
    "2024-10-26_delta_CVEs_at_0300Z.zip",
    "2024-10-25_delta_CVEs_at_end_of_day.zip", "2024-10-25_delta_CVEs_at_2300Z.zip",
    "2024-10-25_all_CVEs_at_midnight.zip.zip", "2024-10-24_delta_CVEs_at_end_of_day.zip", "release_notes.md",
    "../../2024-10-27_all_CVEs_at_midnight.zip", "2024-10-23_delta_CVEs_at_2300Z.zip",
)  # fmt: skip


@pytest.mark.parametrize(
    ("have", "names"),
    [
        (None, ["2024-10-26_all_CVEs_at_midnight.zip.zip", "2024-10-26_delta_CVEs_at_0400Z.zip"]),
        ("2024-10-26", ["2024-10-26_delta_CVEs_at_0400Z.zip"]),
        ("2024-10-24", ["2024-10-24_delta_CVEs_at_end_of_day.zip", "2024-10-25_delta_CVEs_at_end_of_day.zip",
                        "2024-10-26_delta_CVEs_at_0400Z.zip"]),
        ("2024-10-23", ["2024-10-26_all_CVEs_at_midnight.zip.zip", "2024-10-26_delta_CVEs_at_0400Z.zip"]),
        ("2024-01-01", ["2024-10-26_all_CVEs_at_midnight.zip.zip", "2024-10-26_delta_CVEs_at_0400Z.zip"]),
        ("2024-12-31", ["2024-10-26_all_CVEs_at_midnight.zip.zip", "2024-10-26_delta_CVEs_at_0400Z.zip"]),
    ],
)  # fmt: skip
def test_deltas_where_they_reach_and_the_baseline_where_not(have: str | None, names: list[str]) -> None:
    assert [each.name for each in releases.updates(RELEASES, have)] == names


def test_a_day_without_any_delta_yet_needs_none() -> None:
    listed = assets("2024-10-25_all_CVEs_at_midnight.zip.zip", "2024-10-24_delta_CVEs_at_end_of_day.zip")
    assert [each.name[:16] for each in releases.updates(listed, "2024-10-24")] == ["2024-10-24_delta"]
    assert releases.updates(listed, "2024-10-25") == []
    with pytest.raises(DownloadError, match="expected a baseline"):
        releases.updates(listed[1:], None)


@given(
    st.sets(st.integers(0, 12)), st.sets(st.integers(0, 12)), st.dictionaries(st.integers(0, 12), st.integers(0, 23)),
    st.none() | st.integers(0, 12),
)  # fmt: skip
def test_no_day_is_ever_left_out(baselines: set[int], done: set[int], hours: dict[int, int], have: int | None) -> None:
    def day(number: int) -> str:
        return f"2026-11-{number + 1:02d}"

    listed = assets(
        *(f"{day(n)}_all_CVEs_at_midnight.zip.zip" for n in baselines),
        *(f"{day(n)}_delta_CVEs_at_end_of_day.zip" for n in done),
        *(f"{day(n)}_delta_CVEs_at_{hour:02d}00Z.zip" for n, hour in hours.items()),
    )
    try:
        found = [each.name for each in releases.updates(listed, None if have is None else day(have))]
    except DownloadError:
        assert not baselines
        return
    replaced = [int(name[8:10]) - 1 for name in found if "all_CVEs" in name]
    days = [int(name[8:10]) - 1 for name in found if "delta" in name]
    start = replaced[0] if replaced else have
    assert start is not None
    latest = max([*baselines, *done, *hours])
    if not replaced:
        assert latest - start < releases.MAX_DELTA_DAYS
        assert set(days) >= set(range(start, latest))
    assert days == sorted(set(days))
    assert all("end_of_day" in name for name in found if "delta" in name and int(name[8:10]) - 1 < max(days))


def zipped(name: str, data: bytes, how: int = zipfile.ZIP_STORED) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", how) as archive:
        archive.writestr(name, data)
    return file.getvalue()


class Publisher:
    """CVEProject/cvelistV5 in small: a baseline each midnight, a delta each hour, a list of all releases."""

    def __init__(self, script: Script) -> None:
        self.script = script
        self.releases: list[dict[str, Any]] = []

    def release(self, tag: str, *files: tuple[str, bytes]) -> None:
        listed = []
        for name, data in files:
            path = f"/CVEProject/cvelistV5/releases/download/{tag}/{name}"
            self.script.files[path] = data
            digest = f"sha256:{hashlib.sha256(data).hexdigest()}"
            listed.append({"name": name, "browser_download_url": self.script.address + path, "digest": digest})
        self.releases.insert(0, {"tag_name": tag, "assets": listed})
        for page in range(1, 4):
            found = self.releases[(page - 1) * 3 : page * 3]  # of three, that there are several
            path = f"/repos/CVEProject/cvelistV5/releases?per_page=100&page={page}"
            self.script.files[path] = json.dumps(found).encode()

    def hour(self, day: str, hour: str) -> None:
        record = zipped("deltaCves/CVE-2026-0002.json", f"{day} {hour}".encode())
        whole = zipped("cves.zip", zipped("cves/2026/0xxx/CVE-2026-0001.json", day.encode()))
        self.release(f"cve_{day}_{hour}Z", (f"{day}_delta_CVEs_at_{hour}Z.zip", record),
                     (f"{day}_all_CVEs_at_midnight.zip.zip", whole))  # fmt: skip

    def evening(self, day: str) -> None:
        record = zipped("deltaCves/CVE-2026-0002.json", f"{day} end".encode())
        self.release(f"cve_{day}_at_end_of_day", (f"{day}_delta_CVEs_at_end_of_day.zip", record))


def test_the_cve_list_is_kept_up_to_date_by_deltas(server: Script, tmp_path: Path) -> None:
    publisher, source = Publisher(server), here("cve", server)

    def names() -> list[str]:
        return [path.relative_to(tmp_path).as_posix() for path in releases.obtain("cve", source, tmp_path, get)]

    def asked() -> list[str]:
        paths = [path.rpartition("/")[2] for path in server.paths if "?" not in path]
        server.paths.clear()
        return paths

    publisher.hour("2026-11-20", "0100")
    publisher.hour("2026-11-20", "0200")
    assert names() == ["cve/baseline-2026-11-20.zip", "cve/delta-2026-11-20.zip"]
    assert zipfile.ZipFile(tmp_path / "cve/baseline-2026-11-20.zip").namelist() == ["cves/2026/0xxx/CVE-2026-0001.json"]
    assert asked() == ["2026-11-20_all_CVEs_at_midnight.zip.zip", "2026-11-20_delta_CVEs_at_0200Z.zip"]
    assert names() == ["cve/baseline-2026-11-20.zip", "cve/delta-2026-11-20.zip"]
    assert asked() == []  # the list tells digests: nothing is asked for that is here
    publisher.evening("2026-11-20")
    for hour in ("0100", "0200", "0300"):
        publisher.hour("2026-11-21", hour)
    assert names() == [f"cve/{name}.zip" for name in ("baseline-2026-11-20", "delta-2026-11-20", "delta-2026-11-21")]
    assert asked() == ["2026-11-20_delta_CVEs_at_end_of_day.zip", "2026-11-21_delta_CVEs_at_0300Z.zip"]
    assert zipfile.ZipFile(tmp_path / "cve/delta-2026-11-20.zip").read("deltaCves/CVE-2026-0002.json").endswith(b"end")
    (tmp_path / "cve/baseline-2026-11-20.zip").write_bytes(b"altered")
    assert names() == ["cve/baseline-2026-11-21.zip", "cve/delta-2026-11-21.zip"]
    here_now = sorted(path.name for path in (tmp_path / "cve").glob("*.zip"))
    assert here_now == ["baseline-2026-11-21.zip", "delta-2026-11-21.zip"]


def test_a_baseline_that_is_no_zip_or_not_the_one_that_was_listed_is_refused(server: Script, tmp_path: Path) -> None:
    publisher, source = Publisher(server), here("cve", server)
    publisher.release("cve_2026-11-20_0100Z", ("2026-11-20_all_CVEs_at_midnight.zip.zip", b"no zip"))
    with pytest.raises(DownloadError, match=rf"^cve: {server.address}.*: expected a zip archive"):
        releases.obtain("cve", source, tmp_path, get)
    publisher.release("cve_2026-11-20_0200Z", ("2026-11-20_all_CVEs_at_midnight.zip.zip", zipped("cves.zip", b"none")))
    with pytest.raises(DownloadError, match=r"expected a zip archive, got cves.zip is none"):
        releases.obtain("cve", source, tmp_path, get)
    server.files = {path: data[::-1] if path.endswith("zip") else data for path, data in server.files.items()}
    with pytest.raises(DownloadError, match="expected SHA-256"):
        releases.obtain("cve", source, tmp_path / "other", get)
    assert list(tmp_path.rglob("baseline*")) == []


def test_a_spoilt_baseline_is_never_taken_for_one(server: Script, tmp_path: Path) -> None:
    publisher, source = Publisher(server), here("cve", server)
    whole = zipped("cves.zip", zipped("cves/CVE-2026-0001.json", os.urandom(3000)), zipfile.ZIP_DEFLATED)
    for place in range(0, len(whole), 97):
        spoilt = whole[:place] + bytes([whole[place] ^ 0x55]) + whole[place + 1 :]
        publisher.release("cve_2026-11-20_0100Z", ("2026-11-20_all_CVEs_at_midnight.zip.zip", spoilt))
        folder = tmp_path / str(place)
        try:
            (found,) = releases.obtain("cve", source, folder, get)
        except DownloadError:
            assert list(folder.rglob("baseline*.zip")) == []
        else:  # a byte that no reader looks at
            assert zipfile.ZipFile(found).testzip() is None


@pytest.mark.parametrize("listed", [b"{", b"[" * 100_000, b'{"message": "rate limit"}', b"[7]", b'[{"assets": [{}]}]'])
def test_a_list_of_releases_that_is_none_is_an_error_with_source(listed: bytes, server: Script, tmp_path: Path) -> None:
    server.files = {"/repos/CVEProject/cvelistV5/releases?per_page=100&page=1": listed}
    with pytest.raises(DownloadError, match=r"^cve: .*expected"):
        releases.obtain("cve", here("cve", server), tmp_path, get)


@pytest.mark.parametrize("where", ["https://evil.example/x.zip", "{address}/a/../../x.zip", "file:///etc/passwd"])
def test_an_index_leads_nowhere_else(where: str, server: Script, tmp_path: Path) -> None:
    address = where.replace("{address}", server.address)
    told = [{"name": "2026-11-20_all_CVEs_at_midnight.zip.zip", "browser_download_url": address}]
    listed = json.dumps([{"assets": told}]).encode()
    server.files = {"/repos/CVEProject/cvelistV5/releases?per_page=100&page=1": listed}
    with pytest.raises(DownloadError, match=r"^cve: expected an index of addresses that begin with"):
        releases.obtain("cve", here("cve", server), tmp_path, get)
    assert len(server.paths) == 1


def test_the_newest_attack_release_is_found_in_the_index(server: Script, tmp_path: Path) -> None:
    place = server.address + "/attack/{0}/{0}-{1}.json"
    versions = {"enterprise-attack": ("9.0", "18.1", "19.0-beta", "18.0"), "ics-attack": ("17.1", "2.0")}
    index = {"collections": [{"versions": [{"version": v, "url": place.format(name, v)} for v in listed]}
                             for name, listed in versions.items()]}  # fmt: skip
    source = here("attack-enterprise", server)
    server.files = {
        "/" + source.address[0].partition("://")[2].partition("/")[2]: json.dumps(index).encode(),
        "/attack/enterprise-attack/enterprise-attack-18.1.json": b'{"objects": []}',
    }
    (found,) = releases.obtain("attack-enterprise", source, tmp_path, get)
    assert found == tmp_path / "attack-enterprise" / "enterprise-attack.json"
    assert found.read_bytes() == b'{"objects": []}'
    assert releases.newest_collection(index, "ics-attack") == place.format("ics-attack", "17.1")
    broken = [{"versions": [{"version": "x", "url": "/enterprise-attack/"}]}]
    for bad in ({}, {"collections": [{}]}, [], {"collections": []}, {"collections": broken}, None):
        with pytest.raises(DownloadError):
            releases.newest_collection(bad, "enterprise-attack")


def test_every_collection_has_a_newest_release_in_the_published_index() -> None:
    if not INDEX.is_file():
        pytest.skip("not run: no data (1 test)")
    index = json.loads(gzip.decompress(INDEX.read_bytes()))
    for source in REGISTER.values():
        if source.newest.startswith("attack-index "):
            collection = source.newest.rpartition(" ")[2]
            assert releases.newest_collection(index, collection).endswith(f"/{collection}-18.1.json")
            assert releases.newest_collection(index, collection).startswith(str(source.within))


def test_several_addresses_come_one_after_the_other_with_pauses(server: Script, tmp_path: Path) -> None:
    source = here("arxiv", server)
    waits: list[float] = []
    found = releases.obtain("arxiv", source, tmp_path, get, sleep=waits.append)
    assert [path.name for path in found] == ["arxiv-0.xml", "arxiv-1.xml", "arxiv-2.xml", "arxiv-3.xml"]
    assert waits == [3.0, 3.0, 3.0]
    assert len(set(server.paths)) == 4
    server.acts = ["status 404"]
    with pytest.raises(DownloadError, match=rf"^arxiv: {server.address}/.*: expected 200, got HTTP 404$"):
        releases.obtain("arxiv", source, tmp_path, get)


def test_a_source_has_one_file_a_year_or_nothing_to_fetch(tmp_path: Path) -> None:
    assert releases.obtain("nvd", REGISTER["nvd"], tmp_path) == []
    found = releases.addresses(REGISTER["nvd-api"], 2004)
    assert list(found) == [f"nvdcve-2.0-{year}.json.gz" for year in (2002, 2003, 2004)]
    assert all(address.endswith(f"/{name}") for name, address in found.items())


def test_a_bundle_of_rules_goes_from_the_server_into_records(server: Script, tmp_path: Path) -> None:
    """What obtain gives is what the parsers open: name, ending, members."""
    from train.archives import Limits
    from train.convert import File, convert, outcome
    from train.feeds.table import FEEDS

    rule = b"id: 5f1abf38-0000-4000-8000-000000000001\ntitle: T\nlogsource: {product: linux}\ndetection: {a: {b: c}}\n"
    server.body = zipped("rules/linux/x.yml", rule)
    source = here("sigma", server)
    (path,) = releases.obtain("sigma", source, tmp_path, get)
    made = list(convert(File(path, path.name, "sigma", only=tuple(source.members)), FEEDS[source.parser], Limits()))
    assert [outcome(each) for each in made] == ["live"]


def test_progress_is_a_line_now_and_then_where_nobody_looks(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    moments = iter((0.0, 1.0, 16.0, 16.0, 17.0, 40.0, 40.0))
    monkeypatch.setattr(releases.time, "monotonic", lambda: next(moments))
    lines = releases.Lines("cve/download.zip")
    for done in (1_000_000, 2_000_000, 3_000_000, 4_000_000):
        lines(done, 10_000_000 if done < 4_000_000 else 0)
    assert capsys.readouterr().err == "cve/download.zip: 2.0 of 10.0 MB\ncve/download.zip: 4.0 MB\n"
