"""What to fetch of a source: its addresses as they stand, or what a publisher's index names as newest.

The CVE List is published as a baseline a day and deltas an hour apart, each with all changes since midnight (UTC).
"""

import datetime
import json
import re
import shutil
import sys
import time
import zipfile
import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from train import fetch_state
from train.download import Fetched, fetch
from train.errors import DownloadError
from train.fetch_state import Known
from train.sources import Source

MAX_DELTA_DAYS = 7  # beyond that the baseline is less work
_PAGES = 3  # of 100 releases, about four days each
_LARGEST = 8 << 30  # bytes of the CVE List's inner zip, which has 0.6 GiB
_PAUSE = 3.0  # seconds between two requests to one publisher, as arXiv asks
_LINE = 15.0  # seconds between two lines of progress
_BASELINE = re.compile(r"(\d{4}-\d{2}-\d{2})_all_CVEs_at_midnight\.zip(?:\.zip)?", re.ASCII)
_DELTA = re.compile(r"(\d{4}-\d{2}-\d{2})_delta_CVEs_at_(?:(\d{4})Z|end_of_day)\.zip", re.ASCII)
_FINISHED = re.compile(r"\d{1,4}(?:\.\d{1,4})*", re.ASCII)
_DAY_DONE = "9999"  # sorts behind every hour

Fetch = Callable[[str, Path, str | None], Fetched]
_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class Asset:
    """One file of a release; sha256 where the index tells it."""

    name: str
    address: str
    sha256: str | None = None


def obtain(
    name: str,
    source: Source,
    cache: Path,
    fetching: Fetch | None = None,
    *,
    sleep: Callable[[float], None] = time.sleep,
) -> list[Path]:
    """Bring cache/NAME up to date; the feed files there, none for a source without an address.

    Raises DownloadError, which names source and address.
    """
    folder, get = cache / name, fetching or _with_progress
    try:
        if source.newest == "cve-releases":
            return _cves(source, folder, get)
        if source.newest.startswith("attack-index "):
            return [_collection(source, folder, get)]
        found: list[Path] = []
        for saved_as, address in addresses(source, datetime.datetime.now(datetime.UTC).year).items():
            if found:
                sleep(_PAUSE)
            found.append(get(address, folder / saved_as, None).path)
        return found
    except DownloadError as error:
        raise DownloadError(f"{name}: {error}") from error


def kept(name: str, source: Source, cache: Path) -> list[Path]:
    """What earlier calls of `obtain` have left whole in the cache, none where a file of it is missing."""
    folder = cache / name
    if source.newest == "cve-releases":
        have = _held(folder)
        deltas = sorted(path for path in folder.glob("delta-*.zip") if _is_whole(path))
        return [folder / f"baseline-{have}.zip", *deltas] if have else []
    single = source.newest.startswith("attack-index ")
    names = [source.saved_as] if single else addresses(source, datetime.datetime.now(datetime.UTC).year)
    found = [folder / each for each in names]
    return found if found and all(map(_is_whole, found)) else []


def _is_whole(path: Path) -> bool:
    known = fetch_state.read(path)
    return known is not None and path.is_file() and known.sha256 == fetch_state.sha256(path)


def addresses(source: Source, year: int) -> dict[str, str]:
    """What to fetch by the name that it gets: every address, and every year's where the source has one a year."""
    if source.newest.startswith("years-since "):
        years = range(int(source.newest.rpartition(" ")[2]), year + 1)
        return {
            source.saved_as.replace("{year}", str(each)): source.address[0].replace("{year}", str(each))
            for each in years
        }
    return {source.saved_as.replace("{n}", str(n)): address for n, address in enumerate(source.address)}


def _collection(source: Source, folder: Path, get: Fetch) -> Path:
    index = source.address[0]
    listed = _json(get(index, folder / "index.json", None).path, index)
    address = newest_collection(listed, source.newest.rpartition(" ")[2])
    return get(_within(source, address), folder / source.saved_as, None).path


def newest_collection(index: Any, collection: str) -> str:
    """The address of the newest version in ATT&CK's collection index, e.g. of enterprise-attack; betas do not count."""

    def read(it: Any) -> list[tuple[tuple[int, ...], str]]:
        versions = [version for each in it["collections"] for version in each["versions"]]
        wanted = [v for v in versions if f"/{collection}/" in v["url"] and _FINISHED.fullmatch(v["version"])]
        return [(tuple(int(part) for part in each["version"].split(".")), each["url"]) for each in wanted]

    found = _parsed(index, read)
    if not found:
        raise DownloadError(f"expected versions of {collection} in the index, found none")
    return max(found)[1]


def assets(releases: Any) -> list[Asset]:
    """All files of GitHub's list of releases."""

    def read(it: Any) -> list[Asset]:
        return [_asset(each) for release in it for each in release["assets"]]

    return _parsed(releases, read)


def _asset(told: Mapping[str, Any]) -> Asset:
    kind, _, digest = str(told.get("digest") or "").partition(":")
    return Asset(str(told["name"]), str(told["browser_download_url"]), digest if kind == "sha256" else None)


def updates(found: Sequence[Asset], have: str | None) -> list[Asset]:
    """Which files bring a baseline of the day `have` (None: there is none) up to date, in order of their days.

    Of every day since, its last delta, if none is missing; else the newest baseline and the deltas since that.
    """
    newest_last = found[::-1]  # of a file that every release of a day repeats, the newest counts
    baselines = {match[1]: each for each in newest_last if (match := _BASELINE.fullmatch(each.name))}
    deltas: dict[str, tuple[str, Asset]] = {}
    for each in found:
        if match := _DELTA.fullmatch(each.name):
            stand = match[2] or _DAY_DONE
            if stand > deltas.get(match[1], ("", each))[0]:
                deltas[match[1]] = (stand, each)
    latest = max([*baselines, *deltas], default="")
    if have and have <= latest and len(days := _days(have, latest)) <= MAX_DELTA_DAYS:
        reaching = _chain(deltas, days)
        if reaching is not None:
            return reaching
    if not baselines:
        raise DownloadError("expected a baseline of the CVE List among the releases, found none")
    newest = max(baselines)
    return [baselines[newest], *(_chain(deltas, _days(newest, latest)) or [])]


def _chain(deltas: Mapping[str, tuple[str, Asset]], days: Sequence[str]) -> list[Asset] | None:
    """Each day's last delta; None if changes of a day before the last one would be missing."""
    if any(deltas.get(day, ("", None))[0] != _DAY_DONE for day in days[:-1]):
        return None
    return [deltas[day][1] for day in days if day in deltas]


def _days(first: str, last: str) -> list[str]:
    try:
        start, end = datetime.date.fromisoformat(first), datetime.date.fromisoformat(last)
    except ValueError as error:
        raise DownloadError(f"expected releases named by days, got {first} and {last}") from error
    return [(start + datetime.timedelta(days=n)).isoformat() for n in range((end - start).days + 1)]


def _cves(source: Source, folder: Path, get: Fetch) -> list[Path]:
    """The baseline that is here, or the newest; then the deltas, the last of each day. What they replace goes."""
    have = _held(folder)
    wanted = updates(_listed(source, folder, get, have), have)
    baseline = folder / f"baseline-{have}.zip"
    deltas = []
    for asset in wanted:
        address = _within(source, asset.address)
        if match := _BASELINE.fullmatch(asset.name):
            baseline = folder / f"baseline-{match[1]}.zip"
            outer = get(address, folder / "download.zip", asset.sha256).path
            _unwrap(outer, baseline, address)
            fetch_state.drop(outer)
            fetch_state.write(baseline, Known(address, sha256=fetch_state.sha256(baseline)))
        else:
            deltas.append(get(address, folder / f"delta-{asset.name[:10]}.zip", asset.sha256).path)
    found = [baseline, *deltas]
    for old in [*folder.glob("baseline-*.zip"), *folder.glob("delta-*.zip")]:
        if old not in found:
            fetch_state.drop(old)
    return found


def _held(folder: Path) -> str | None:
    """The day of the newest baseline that is here as it was fetched."""
    for path in sorted(folder.glob("baseline-????-??-??.zip"), reverse=True):
        if _is_whole(path):
            return path.name[9:19]
    return None


def _listed(source: Source, folder: Path, get: Fetch, have: str | None) -> list[Asset]:
    """The newest files of all releases, as far back as they are needed."""
    found: list[Asset] = []
    for page in range(1, _PAGES + 1):
        address = f"{source.address[0]}&page={page}"
        listed = assets(_json(get(address, folder / source.saved_as.replace("{n}", str(page)), None).path, address))
        found += listed
        days = [match[1] for each in found if (match := _DELTA.fullmatch(each.name))]
        ends = any(_BASELINE.fullmatch(each.name) for each in found) and not (have and have < min(days, default=""))
        if ends or not listed:
            break
    return found


def _unwrap(path: Path, target: Path, address: str) -> None:
    """The baseline is a zip in a zip: put the inner one in its place, else the file itself."""
    half = target.with_name(f"{target.name}.half")
    try:
        with zipfile.ZipFile(path) as outer:
            inner = [each for each in outer.infolist() if each.filename.endswith(".zip")]
            if not inner:
                path.replace(target)
                return
            if inner[0].file_size > _LARGEST:
                raise DownloadError(f"{address}: expected at most {_LARGEST} bytes in it, got {inner[0].file_size}")
            with outer.open(inner[0]) as stream, half.open("wb") as file:  # gives no more than file_size
                shutil.copyfileobj(stream, file, 1 << 20)
        if not zipfile.is_zipfile(half):
            raise zipfile.BadZipFile(f"{inner[0].filename[:80]} is none")
    except (OSError, EOFError, zipfile.BadZipFile, zlib.error, NotImplementedError, RuntimeError) as error:
        half.unlink(missing_ok=True)
        raise DownloadError(f"{address}: expected a zip archive, got {error}") from error
    half.replace(target)


def _within(source: Source, address: str) -> str:
    """An address out of an index, which may not lead anywhere else."""
    if not source.within or not address.startswith(source.within) or "/../" in address:
        raise DownloadError(f"expected an index of addresses that begin with {source.within}, got {address[:200]}")
    return address


def _json(path: Path, address: str) -> Any:
    try:
        return json.loads(path.read_bytes())
    except (ValueError, RecursionError) as error:
        raise DownloadError(f"{address}: expected JSON, got {type(error).__name__}: {error}") from error


def _parsed(value: Any, read: Callable[[Any], _T]) -> _T:
    try:
        return read(value)
    except (LookupError, TypeError, ValueError, AttributeError) as error:
        raise DownloadError(f"expected an index of releases, got {type(error).__name__}: {error}") from error


def _with_progress(url: str, target: Path, expected: str | None) -> Fetched:
    """Fetch with a bar on a terminal, else with a line now and then."""
    title = f"{target.parent.name}/{target.name}"
    if not sys.stderr.isatty():
        return fetch(url, target, expected, report=Lines(title))
    from tqdm import tqdm

    with tqdm(unit="B", unit_scale=True, desc=title) as bar:

        def report(done: int, total: int) -> None:
            bar.total = total or None
            bar.update(done - bar.n)

        return fetch(url, target, expected, report=report)


class Lines:
    """Reports of progress as lines of a log."""

    def __init__(self, title: str) -> None:
        self.title, self.told = title, time.monotonic()

    def __call__(self, done: int, total: int) -> None:
        if time.monotonic() - self.told >= _LINE:
            self.told = time.monotonic()
            known = f" of {total / 1e6:.1f}" if total else ""
            print(f"{self.title}: {done / 1e6:.1f}{known} MB", file=sys.stderr, flush=True)
