"""What the installer installs, and when it has nothing to do; pip itself is not run here: `make tools` just did."""

import importlib.util
import json
from pathlib import Path
from types import ModuleType

import pytest

SOURCE = Path(__file__).parents[2] / "requirements" / "install.py"


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> tuple[ModuleType, list[str]]:
    """The installer, and the locks that it hands to pip."""
    spec = importlib.util.spec_from_file_location("install", SOURCE)
    assert spec is not None
    assert spec.loader is not None
    installer, locks = importlib.util.module_from_spec(spec), list[str]()
    spec.loader.exec_module(installer)
    monkeypatch.setattr(installer, "runs_pip", lambda _: True)
    monkeypatch.setattr(installer, "choose", lambda _: "cpu.txt")
    monkeypatch.setattr(installer, "pip_install", lambda _venv, name, _lock: locks.append(name))
    return installer, locks


def test_each_lock_is_installed_once_whoever_asks(asked, tmp_path: Path) -> None:
    installer, locks = asked
    for extra, expected in (
        ([], ["cpu.txt"]), ([], []), (["web.txt"], ["web.txt"]), (["web.txt"], []), (["dev.txt"], ["dev.txt"]),
        (["web.txt"], []), (["dev.txt", "web.txt"], []), ([], []),
    ):  # fmt: skip
        locks.clear()
        installer.install(tmp_path, 0, extra)
        assert locks == expected, extra
    assert set(json.loads((tmp_path / "installed.json").read_text())) == {"cpu.txt", "dev.txt", "web.txt"}


def test_a_lock_that_changed_is_installed_again(asked, tmp_path: Path) -> None:
    installer, locks = asked
    installer.install(tmp_path, 0, ["web.txt"])
    stamp = json.loads((tmp_path / "installed.json").read_text())
    (tmp_path / "installed.json").write_text(json.dumps(stamp | {"web.txt": "another", "cuda.txt": "of before"}))
    locks.clear()
    installer.install(tmp_path, 0, [])
    assert locks == []  # whoever needs no page waits for none
    installer.install(tmp_path, 0, ["web.txt"])
    assert locks == ["web.txt"]
    assert set(json.loads((tmp_path / "installed.json").read_text())) == {"cpu.txt", "web.txt"}
