"""What to fetch of a source: its addresses as they stand, or what a publisher's index names as newest.

The CVE List is published as a baseline a day and deltas an hour apart, each with all changes since midnight.
"""

import json
import re
import sys
import zipfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlsplit

from tqdm import tqdm

from train.download import Fetched, Patience, fetch
from train.errors import DownloadError
from train.sources import Source

MAX_DELTA_DAYS = 7  # beyond that the baseline is less work
_BASELINE = re.compile(r"(\d{4}-\d{2}-\d{2})_all_CVEs_at_midnight\.zip(?:\.zip)?")
_DELTA = re.compile(r"(\d{4}-\d{2}-\d{2})_delta_CVEs_at_(?:(\d{4})Z|end_of_day)\.zip")
Fetch = Callable[[str, Path], Fetched]
_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class Asset:
    """One file of a release."""

    name: str
    address: str


def obtain(name: str, source: Source, cache: Path, fetching: Fetch | None = None) -> list[Path]:
    """Bring cache/NAME up to date; the feed files there. Raises DownloadError, which names source and address."""
    folder = cache / name
    get = fetching or _with_progress
    if not source.address:
        raise DownloadError(f"{name}: has no address; give a folder with --from")
    try:
        if source.newest == "cve-releases":
            return _cves(folder, source.address[0], get)
        if source.newest.startswith("attack-index "):
            index = get(source.address[0], folder / "index.json").path
            address = newest_collection(_json(index), source.newest.removeprefix("attack-index "))
            return [get(address, folder / "bundle.json").path]
        return [get(address, folder / _name(address, source)).path for address in source.address]
    except DownloadError as error:
        raise DownloadError(f"{name}: {error}") from error


def _name(address: str, source: Source) -> str:
    """A file name of our own, with the ending that tells how to open it."""
    path = urlsplit(address).path
    for mark, ending in (("/tar.gz/", ".tar.gz"), (".xml.zip", ".zip"), (".zip", ".zip")):
        if mark in path:
            return f"feed{ending}"
    return {"atlas": "feed.yaml", "d3fend": "feed.ttl", "atom": "feed.xml", "papers": "feed.csv"}.get(
        source.parser, "feed.json"
    )


def newest_collection(index: Any, collection: str) -> str:
    """The address of the newest version in ATT&CK's collection index, e.g. of enterprise-attack."""
    found = _parsed(
        index,
        lambda it: [
            (tuple(int(part) for part in version["version"].split(".")), str(version["url"]))
            for each in it["collections"]
            for version in each["versions"]
            if f"/{collection}/" in version["url"]
        ],
    )
    if not found:
        raise DownloadError(f"expected versions of {collection} in the index, found none")
    return max(found)[1]


def assets(releases: Any) -> list[Asset]:
    """All files of GitHub's list of releases."""
    return _parsed(
        releases,
        lambda it: [Asset(str(a["name"]), str(a["browser_download_url"])) for each in it for a in each["assets"]],
    )


def needed(found: Sequence[Asset], have: str | None) -> list[Asset]:
    """Which files bring a baseline of the day `have` (None: there is none) up to date, in order of their days.

    The newest delta of its own day; of the days since, each day's last one, if all are there; else the newest baseline
    and its day's newest delta.
    """
    baselines = {match[1]: each for each in found if (match := _BASELINE.fullmatch(each.name))}
    deltas: dict[str, tuple[str, Asset]] = {}
    for each in found:
        match = _DELTA.fullmatch(each.name)
        if match and (match[2] or "9999") > deltas.get(match[1], ("", each))[0]:
            deltas[match[1]] = (match[2] or "9999", each)
    if not baselines:
        raise DownloadError("expected a baseline of the CVE List among the releases, found none")
    latest = max(baselines)
    if have and have <= latest:
        days = _days(have, latest)
        whole = all(day in deltas and deltas[day][0] == "9999" for day in days[:-1])
        if len(days) <= MAX_DELTA_DAYS and whole:
            return [deltas[day][1] for day in days if day in deltas]
    return [baselines[latest], *([deltas[latest][1]] if latest in deltas else [])]


def _days(first: str, last: str) -> list[str]:
    import datetime

    start, end = datetime.date.fromisoformat(first), datetime.date.fromisoformat(last)
    return [(start + datetime.timedelta(days=n)).isoformat() for n in range((end - start).days + 1)]


def _cves(folder: Path, address: str, get: Fetch) -> list[Path]:
    found = assets(_json(get(address, folder / "releases.json").path))
    mark = folder / "baseline-day"
    have = mark.read_text().strip() if mark.is_file() and (folder / "baseline.zip").is_file() else None
    for asset in needed(found, have):
        match = _BASELINE.fullmatch(asset.name)
        if match:
            _unwrap(get(asset.address, folder / "baseline-download.zip").path, folder / "baseline.zip")
            for old in folder.glob("delta-*.zip"):
                old.unlink()
            mark.write_text(match[1])
        else:
            get(asset.address, folder / f"delta-{asset.name[:10]}.zip")
    return [folder / "baseline.zip", *sorted(folder.glob("delta-*.zip"))]


def _unwrap(path: Path, target: Path) -> None:
    """The baseline is a zip in a zip: put the inner one in its place, else the file itself."""
    import shutil

    half = target.with_name(f"{target.name}.half")
    try:
        with zipfile.ZipFile(path) as outer:
            inner = [each for each in outer.namelist() if each.endswith(".zip")]
            if inner:
                with outer.open(inner[0]) as stream, half.open("wb") as file:
                    shutil.copyfileobj(stream, file, 1 << 20)
            else:
                shutil.copyfile(path, half)
    except (OSError, zipfile.BadZipFile) as error:
        raise DownloadError(f"{path.name}: expected a zip archive, got {error}") from error
    half.replace(target)


def _json(path: Path) -> Any:
    try:
        return json.loads(path.read_bytes())
    except ValueError as error:
        raise DownloadError(f"{path.name}: expected JSON, got {error}") from error


def _parsed(value: Any, read: Callable[[Any], _T]) -> _T:
    try:
        return read(value)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise DownloadError(f"expected an index of releases, got {type(error).__name__}: {error}") from error


def _with_progress(url: str, target: Path) -> Fetched:
    often = 0.5 if sys.stderr.isatty() else 15.0
    with tqdm(unit="B", unit_scale=True, desc=target.parent.name, mininterval=often, maxinterval=often) as bar:

        def report(done: int, total: int) -> None:
            bar.total = total or None
            bar.update(done - bar.n)

        return fetch(url, target, patience=Patience(), report=report)
