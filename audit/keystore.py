"""Back up, restore and check a key folder (`audit.keys`). One JSON report on stdout.

    python -m audit.keystore backup DIR TO [--with-signing-keys]
    python -m audit.keystore restore FROM DIR --root ROOT
    python -m audit.keystore check DIR

Exit 0 done and sound, 1 done but for the faults that the report names (`check`: faults found), 2 could not. A folder
that is made appears whole or not at all. A backup is taken while writers run. It opens all text: keep it as the key it
is, apart from the logs.

    failure                          what follows
    key folder lost                  restore it. People first seen since the backup get new keys: their older text is
                                     noise for ever, their proofs hold
    kek.key lost without a backup    the same for everybody; nothing can be appended for a person
    a key file damaged               `check` names it; appends for that person are refused, others go on; a backup
                                     leaves it out and says so
    backup older than an erasure     restore destroys the key again before the folder appears, as the control log
                                     says: use the newest root there is, an older one knows fewer erasures
    backup kept after an erasure     the key is still in it: an erasure is complete when the last older backup is gone
    killed in backup or restore      nothing under the new name; a hidden folder beside it may be removed
    two folders in use for one root  their keys drift apart and an erasure misses one: use one
"""

from __future__ import annotations

import argparse
import json
import os
import secrets
import shutil
import sys
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from audit import disk, pipe
from audit.errors import AuditError, BadKeys
from audit.folder import CONTROL, LogFolder, ring_of
from audit.private import read_secret, require_private
from audit.reader import LogReader, leaves_of_kinds
from audit.record import Kind
from audit.store import open_store, to_address
from audit.subjects import FOLDERS, SubjectKey, SubjectKeys
from audit.verification import verify_root
from audit.walk import Claims

_Found = tuple[str, SubjectKey]  # the subject's name and the key in a file


@dataclass(frozen=True, slots=True)
class Report:
    """What a key folder holds and what is wrong with it. `erased_again` counts what a restored backup had forgotten."""

    keys: int = 0
    erasures: int = 0
    signing_keys: int = 0
    erased_again: int = 0
    faults: tuple[str, ...] = ()

    def to_json(self) -> dict[str, object]:
        """The object on stdout."""
        return {"valid": not self.faults} | asdict(self)


@dataclass(frozen=True, slots=True)
class _Held:
    """The key files of a folder at one moment, by the name of their tag; erasures by number."""

    tagged: dict[str, bytes]
    erased: dict[str, bytes]


def check(folder: Path) -> Report:
    """Modes, that every key opens and stands under its subject and one tag, that no erased key is left. Unavailable."""
    faults = list(_exposed(folder))
    signing = sorted(path.name for path in folder.glob("log*.key"))
    try:
        for name in signing:
            read_secret(folder / name)
        store = SubjectKeys.load(folder)
        with store.steady():
            erased = store.erasures()
            tags = _keys_in(store, "tags", faults)  # first: a subject is there before its tag
            subjects = _keys_in(store, "subjects", faults)
            faults += _misplaced(subjects, tags)
            faults += _undead(store, subjects, tags)
    except BadKeys as error:
        return Report(signing_keys=len(signing), faults=tuple(dict.fromkeys([*faults, str(error)])))
    return Report(len(tags), len(erased), len(signing), 0, tuple(dict.fromkeys(faults)))


def backup(folder: Path, target: Path, *, with_signing_keys: bool = False) -> Report:
    """Copy a key folder into a new one. BadKeys, Unavailable; OSError.

    Keys that nobody has used yet are left out: they have no tag, so no erasure could find them again.
    """
    store = SubjectKeys.load(folder)
    store.finish_erasures()
    with store.steady():
        held = _Held(_read_files(folder / "tags"), _read_files(folder / "erased"))
    return _make(store, held, target, with_signing_keys)


def restore(source: Path, folder: Path, root: str | Path) -> Report:
    """Make a key folder from a backup, without those whom the root's control log says to be erased. As `backup`."""
    recorded = _recorded(root)
    held = _Held(_read_files(source / "tags"), _read_files(source / "erased"))
    return _make(SubjectKeys.load(source), held, folder, True, recorded)


def _make(
    store: SubjectKeys, held: _Held, target: Path, with_signing_keys: bool, recorded: dict[str, int] | None = None
) -> Report:
    if target.exists():
        raise BadKeys(f"{target}: expected a folder that is not there yet")
    building = target.with_name(f".{target.name}.{secrets.token_hex(8)}")
    try:
        for path in (building, *(building / name for name in FOLDERS)):
            path.mkdir(mode=0o700)
        faults = list(_write_all(store, held, building))
        for path in store.folder.glob("log*.key") if with_signing_keys else ():
            _write(building / path.name, read_secret(path))
        for path in (*(building / name for name in FOLDERS), building):
            disk.sync_folder(path)
        again = SubjectKeys.load(building).adopt_erasures(recorded or {})
        made = check(building)
        if made.faults:
            raise BadKeys(f"the copy is not sound: {made.faults[0]}")
        building.rename(target)
        disk.sync_folder(target.parent)
    finally:
        shutil.rmtree(building, ignore_errors=True)
    return Report(made.keys, made.erasures, made.signing_keys, again, tuple(faults))


def _write_all(store: SubjectKeys, held: _Held, building: Path) -> Iterator[str]:
    """Write what is sound, the subject's key and the tag that links to it; the faults of the rest."""
    _write(building / "kek.key", read_secret(store.folder / "kek.key"))
    for number, mark in held.erased.items():
        _write(building / "erased" / number, mark)
    for tag, data in held.tagged.items():
        try:
            name, _ = store.unwrap(data)
            _write(building / "subjects" / name, data)
            os.link(building / "subjects" / name, building / "tags" / tag)
        except BadKeys as error:
            yield f"tags/{tag}: {error}"
        except FileExistsError:
            yield f"tags/{tag}: expected one tag for a subject, got two"


def _recorded(root: str | Path) -> dict[str, int]:
    """The erasures that a root's control log records, tag -> epoch; the log is verified first. Unproven, OSError."""
    next(verify_root(root, None, Claims()))
    store = open_store(root)
    folder = LogFolder(store.child(CONTROL))
    reader = LogReader(folder, ring_of(store, folder))
    reader.refresh()
    erased = (leaf["fields"] for file in reader.files for leaf in leaves_of_kinds(reader.open(file), (Kind.erase,)))
    return {fields["subject"]: fields["epoch"] for fields in erased}


def _keys_in(store: SubjectKeys, folder: str, faults: list[str]) -> dict[str, _Found]:
    """Of each file of a folder the subject's name and the key."""
    found = {}
    for file, data in _read_files(store.folder / folder).items():
        try:
            found[file] = store.unwrap(data)
        except BadKeys as error:
            faults.append(f"{folder}/{file}: {error}")
    return found


def _misplaced(subjects: dict[str, _Found], tags: dict[str, _Found]) -> Iterator[str]:
    for file, (name, _) in subjects.items():
        if file != name:
            yield f"subjects/{file}: expected its own key, got that of {name}"
    seen = dict[str, str]()
    for tag, (name, key) in tags.items():
        if subjects.get(name) != (name, key):
            yield f"tags/{tag}: expected the present key of subject {name}"
        if seen.setdefault(name, tag) != tag:
            yield f"tags/{tag}: expected one tag for subject {name}, got {seen[name]} too"


def _undead(store: SubjectKeys, subjects: dict[str, _Found], tags: dict[str, _Found]) -> Iterator[str]:
    """Erased keys, also in temporary files of killed writers."""
    ended = {one.name: one.epoch for one in sorted(store.erasures().values(), key=lambda one: one.epoch)}
    left = _read_files(store.folder / "subjects", hidden=True)
    held = [(f"subjects/{file}", found) for file, found in subjects.items()]
    held += [(f"tags/{tag}", found) for tag, found in tags.items()]
    held += [(f"subjects/{file}", found) for file, found in _opened(store, left)]
    for file, (name, key) in held:
        if key.epoch <= ended.get(name, -1) or file.removeprefix("tags/") in store.erasures():
            yield f"{file}: an erased key is still there; repeat the erasure"


def _opened(store: SubjectKeys, files: dict[str, bytes]) -> Iterator[tuple[str, _Found]]:
    for file, data in files.items():
        try:
            yield file, store.unwrap(data)
        except BadKeys:  # torn
            continue


def _exposed(folder: Path) -> Iterator[str]:
    """Files and folders that others may touch."""
    for path in (folder, *folder.rglob("*")):
        try:
            require_private(path)
        except BadKeys as error:
            if path.exists():  # not a temporary file that has gone
                yield str(error)


def _read_files(folder: Path, *, hidden: bool = False) -> dict[str, bytes]:
    if not folder.is_dir():
        return {}
    paths = sorted(path for path in folder.iterdir() if path.name.startswith(disk.TEMPORARY) == hidden)
    return {path.name: path.read_bytes() for path in paths if path.exists()}


def _write(path: Path, data: bytes) -> None:
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def main(arguments: Sequence[str] | None = None) -> int:
    """Exit 0 done and sound, 1 but for the faults named, 2 could not."""
    parser = argparse.ArgumentParser(prog="python -m audit.keystore", description="Back up, restore, check keys.")
    actions = parser.add_subparsers(dest="action", required=True)
    saving = actions.add_parser("backup", help="copy a key folder into a new one, while writers run")
    saving.add_argument("folder", type=Path, metavar="DIR")
    saving.add_argument("target", type=Path, metavar="TO")
    saving.add_argument("--with-signing-keys", action="store_true", help="the keys that sign the logs, too")
    making = actions.add_parser("restore", help="make a key folder from a backup; brings no erased person back")
    making.add_argument("source", type=Path, metavar="FROM")
    making.add_argument("folder", type=Path, metavar="DIR")
    making.add_argument("--root", type=to_address, required=True, help="the logs: their erasures are done again")
    looking = actions.add_parser("check", help="modes, that every key opens, that no erased key is left")
    looking.add_argument("folder", type=Path, metavar="DIR")
    given = parser.parse_args(arguments)
    try:
        report = _act(given)
    except (AuditError, OSError) as error:
        print(json.dumps(Report(faults=(str(error),)).to_json(), indent=2))
        return 2
    print(json.dumps(report.to_json(), indent=2))
    return 1 if report.faults else 0


def _act(given: argparse.Namespace) -> Report:
    if given.action == "backup":
        return backup(given.folder, given.target, with_signing_keys=given.with_signing_keys)
    if given.action == "restore":
        return restore(given.source, given.folder, given.root)
    if not given.folder.is_dir():
        raise BadKeys(f"{given.folder}: expected a key folder")
    return check(given.folder)


if __name__ == "__main__":
    sys.exit(pipe.run(main))
