"""A folder's signature holds for what was signed and nothing else; a promoted folder is there whole or not at all."""

import json
import stat
from pathlib import Path

import pytest

from train import promote
from train.errors import GateError
from train.promotion import shelf, signature
from train.promotion.errors import BadSignature


@pytest.fixture
def signed(tmp_path: Path) -> tuple[Path, Path]:
    """A signed folder and the public key."""
    folder = tmp_path / "folder"
    folder.mkdir()
    (folder / "weights").write_bytes(bytes(range(256)))
    (folder / ".gitignore").write_text("none\n")
    public = signature.keygen(tmp_path / "key")
    signature.sign(folder, tmp_path / "key")
    return folder, public


def test_a_signed_folder_is_verified_with_the_public_key_alone(
    signed: tuple[Path, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    folder, public = signed
    (folder.parent / "key").unlink()
    assert promote.main(["--verify", str(folder), "--public-key", str(public)]) == 0
    assert "signed by key.pub" in capsys.readouterr().out
    bundle = json.loads((folder / signature.NAME).read_text())
    assert bundle["mediaType"].startswith("application/vnd.dev.sigstore.bundle")
    assert bundle["verificationMaterial"]["tlogEntries"] == []


@pytest.mark.parametrize("name", ["weights", ".gitignore", signature.NAME])
@pytest.mark.parametrize("place", [0, 2, -2])
def test_one_flipped_bit_anywhere_breaks_the_signature(
    signed: tuple[Path, Path], name: str, place: int, capsys: pytest.CaptureFixture[str]
) -> None:
    folder, public = signed
    data = bytearray((folder / name).read_bytes())
    data[place] ^= 1
    (folder / name).write_bytes(data)
    assert promote.main(["--verify", str(folder), "--public-key", str(public)]) == 1
    assert "promote: " in capsys.readouterr().err


def test_a_file_more_or_less_another_key_or_no_signature_is_told(signed: tuple[Path, Path], tmp_path: Path) -> None:
    folder, public = signed
    (folder / "more").write_text("")
    with pytest.raises(BadSignature, match="Extra files found"):
        signature.verify(folder, public)
    (folder / "more").unlink()
    (folder / "weights").rename(tmp_path / "weights")
    with pytest.raises(BadSignature, match="Missing files"):
        signature.verify(folder, public)
    (tmp_path / "weights").rename(folder / "weights")
    signature.verify(folder, public)
    with pytest.raises(BadSignature, match="Key mismatch"):
        signature.verify(folder, signature.keygen(tmp_path / "other"))
    (folder / signature.NAME).unlink()
    with pytest.raises(BadSignature, match=r"expected the signature model\.sig, found none"):
        signature.verify(folder, public)


def test_a_key_is_for_its_owner_alone_and_is_never_overwritten(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    key = tmp_path / "key"
    assert promote.main(["--keygen", str(key)]) == 0
    assert stat.S_IMODE(key.stat().st_mode) == 0o600
    assert "PUBLIC KEY" in (tmp_path / "key.pub").read_text()
    before = key.read_bytes()
    assert promote.main(["--keygen", str(key)]) == 2
    assert "expected no file, found one" in capsys.readouterr().err
    assert key.read_bytes() == before


def test_what_is_no_private_key_of_this_kind_is_told(signed: tuple[Path, Path]) -> None:
    folder, public = signed
    with pytest.raises(GateError, match="expected a private key in PEM"):
        signature.sign(folder, public)


def made_folder(path: Path, text: str) -> Path:
    path.mkdir(parents=True)
    (path / "one").write_text(text)
    return path


@pytest.mark.parametrize("former", ["", "old"])
def test_a_folder_is_placed_whole_and_taken_back_when_the_rest_fails(tmp_path: Path, former: str) -> None:
    final = shelf.place_of(tmp_path, "d" * 64)
    if former:
        made_folder(final, former)
    with shelf.workshop(final) as work:
        failing = shelf.placed(made_folder(work / "first", "new"), final)
        failing.__enter__()
        assert (final / "one").read_text() == "new"
        assert not failing.__exit__(RuntimeError, RuntimeError("no"), None)
        assert (final / "one").read_text() == former if former else not final.exists()
        with shelf.placed(made_folder(work / "second", "new"), final):
            pass
    assert (final / "one").read_text() == "new"
    assert [path.name for path in final.parent.iterdir()] == [final.name]
