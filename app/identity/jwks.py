"""Which keys of an issuer's set (JWKS, RFC 7517) may verify a signature, and by which algorithms. No I/O."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, SECP384R1, EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

MIN_RSA_BITS = 2048  # RFC 7518, section 3.3
MAX_KEYS = 64
MAX_KID_CHARS = 256
RSA = frozenset({"RS256", "RS384", "RS512", "PS256", "PS384", "PS512"})

PublicKey = RSAPublicKey | EllipticCurvePublicKey | Ed25519PublicKey


class BadKeys(Exception):
    """What an issuer served is no set of keys, or could not be had."""


@dataclass(frozen=True, slots=True)
class SigningKey:
    """A public key and what it may verify: its type decides, never a token's header."""

    public: PublicKey
    algorithms: frozenset[str]


def parse_keys(raw: bytes) -> dict[str, SigningKey]:
    """The usable keys by `kid`; others are passed over: private, symmetric, weak, nameless, or not for signatures.

    Raises BadKeys where it is no JWKS at all.
    """
    try:
        listed = json.loads(raw)["keys"]
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise BadKeys(f"expected a JWKS, came {len(raw)} bytes of something else") from error
    if not isinstance(listed, list) or len(listed) > MAX_KEYS:
        raise BadKeys(f"expected a list of at most {MAX_KEYS} keys")
    found: dict[str, SigningKey] = {}
    for each in listed:
        kid = each.get("kid") if isinstance(each, dict) else None
        if isinstance(kid, str) and 0 < len(kid) <= MAX_KID_CHARS and (key := _usable(each)):
            found[kid] = key
    return found


def _usable(given: Mapping[str, Any]) -> SigningKey | None:
    if given.get("kty") not in ("RSA", "EC", "OKP") or "d" in given or given.get("use", "sig") != "sig":
        return None
    try:
        public = jwt.PyJWK(dict(given)).key
    except (jwt.PyJWTError, ValueError, TypeError):
        return None
    algorithms = _algorithms(public)
    if "alg" in given:
        algorithms &= {given["alg"]} if isinstance(given["alg"], str) else set()
    return SigningKey(public, algorithms) if algorithms else None


def _algorithms(public: object) -> frozenset[str]:
    match public:
        case RSAPublicKey() if public.key_size >= MIN_RSA_BITS:
            return RSA
        case EllipticCurvePublicKey() if isinstance(public.curve, SECP256R1):
            return frozenset({"ES256"})
        case EllipticCurvePublicKey() if isinstance(public.curve, SECP384R1):
            return frozenset({"ES384"})
        case Ed25519PublicKey():
            return frozenset({"EdDSA"})
    return frozenset()
