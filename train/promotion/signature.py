"""A folder's signature by OpenSSF model signing, with an elliptic-curve key that lies in a file: nothing goes out.

`model.sig` is a Sigstore bundle over the SHA-256 of every file but itself. Anybody with the public key and the package
`model-signing` can check it:

    model_signing verify key DIR --signature DIR/model.sig --public_key FILE --no-ignore-git-paths
"""

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from train.errors import GateError
from train.promotion.errors import BadSignature

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey

NAME = "model.sig"


def keygen(path: Path) -> Path:
    """Make a P-256 key, readable by its owner alone, and its public half beside it, whose path is the answer.

    Raises FileExistsError rather than lose a key.
    """
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    from audit import disk

    key = ec.generate_private_key(ec.SECP256R1())
    secret = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    public = path.with_name(f"{path.name}.pub")
    for file, data, mode in ((path, secret, 0o600), (public, _public(key), 0o644)):
        if not disk.create(file, data, mode):
            raise FileExistsError(f"{file}: expected no file, found one; a key is never overwritten")
    return public


def sign(folder: Path, key: Path) -> None:
    """Sign all files of the folder, then check the signature as a stranger would; raises GateError, OSError."""
    from model_signing.signing import Config

    private = _load(key)
    (folder / NAME).unlink(missing_ok=True)
    try:
        config = Config()  # type: ignore[no-untyped-call]
        config.set_hashing_config(_hashing()).use_elliptic_key_signer(private_key=key).sign(folder, folder / NAME)
    except ValueError as error:
        raise GateError(f"{folder.name}: could not be signed: {error}") from error
    verify_by(folder, private)


def verify_by(folder: Path, private: "EllipticCurvePrivateKey | Path") -> None:
    """`verify` with the public half of a private key."""
    key = _load(private) if isinstance(private, Path) else private
    with tempfile.NamedTemporaryFile(suffix=".pub") as public:  # the library takes a path and nothing else
        public.write(_public(key))
        public.flush()
        verify(folder, Path(public.name))


def verify(folder: Path, public_key: Path) -> None:
    """Raises BadSignature unless the folder holds what this key signed, no file more and none less."""
    from cryptography.exceptions import InvalidSignature
    from model_signing.verifying import Config

    if not (folder / NAME).is_file():
        raise BadSignature(f"{folder}: expected the signature {NAME}, found none")
    try:
        config = Config()  # type: ignore[no-untyped-call]
        config.set_hashing_config(_hashing()).use_elliptic_key_verifier(public_key=public_key)
        config.verify(folder, folder / NAME)
    except InvalidSignature as error:
        raise BadSignature(f"{folder}: the signature is not by {public_key.name}") from error
    except (ValueError, TypeError, KeyError, AttributeError) as error:  # the library has no error class of its own
        raise BadSignature(f"{folder}: {str(error)[:500]}") from error


def _hashing() -> Any:
    """Every file counts, those that git knows by name too, except the signature."""
    from model_signing.hashing import Config

    config = Config()  # type: ignore[no-untyped-call]
    return config.use_file_serialization().set_ignored_paths(paths=[NAME], ignore_git_paths=False)


def _load(path: Path) -> "EllipticCurvePrivateKey":
    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    try:
        key = load_pem_private_key(path.read_bytes(), None)
    except (ValueError, TypeError) as error:
        raise GateError(f"{path.name}: expected a private key in PEM without a password: {error}") from error
    if not isinstance(key, EllipticCurvePrivateKey):
        raise GateError(f"{path.name}: expected an elliptic-curve key, got another kind")
    return key


def _public(key: "EllipticCurvePrivateKey") -> bytes:
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    return key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
