"""The page's session: a cookie that holds a key, and when it counts. Rules alone; the routes are in app/signin.py.

A browser adds a cookie to whatever makes it ask. So what a cookie alone identifies has to come from our own page, and
three things say so: the browser (Fetch Metadata, `Sec-Fetch-Site`), the origin (RFC 6454, section 7), and a header
that no other origin's page can add without leave, which nobody gets here (Fetch, section 3.2; app/cors.py).
"""

import re
from collections.abc import Mapping

from app.errors import NotAllowed, NotAuthenticated

COOKIE = "preceptor_session"
CSRF_HEADER = "x-preceptor-csrf"
MAX_KEY_CHARS = 4096 - len(COOKIE)
"""Browsers drop a cookie whose name and value are longer together (RFC 6265bis, section 5.6)."""

# A signature's last part is decoded leniently by JWT libraries, so a true key might carry a line break or semicolon.
COMPACT = re.compile(r"[\w-]+\.[\w-]+\.[\w-]+", re.ASCII)  # RFC 7515, section 7.1

SAFE_METHODS = frozenset({"GET", "HEAD"})
OWN_SITES = frozenset({"same-origin", "none"})  # none: the user typed the address, or took a bookmark
ATTRIBUTES = "Path=/; HttpOnly; SameSite=Strict"
FORGET = f"{COOKIE}=; Max-Age=0; {ATTRIBUTES}"
"""Value of the Set-Cookie field that ends a session in the browser."""


class SessionEnded(NotAuthenticated):
    """The cookie's key does not count any more: the browser is told to forget it."""

    def headers(self) -> dict[str, str]:
        """With a cookie that is over."""
        return super().headers() | {"set-cookie": FORGET}


def remember(key: str, seconds: int, *, secure: bool) -> str:
    """Value of the Set-Cookie field that begins a session; `secure` keeps it from ever leaving without TLS."""
    return f"{COOKIE}={key}; Max-Age={max(seconds, 0)}; {ATTRIBUTES}{'; Secure' if secure else ''}"


def recognised(method: str, headers: Mapping[str, str]) -> dict[str, str]:
    """The headers (names in lower case), with the cookie's key as `Authorization` where no other key came.

    Raises NotAllowed with code `csrf` for a request that is not our page's, SessionEnded for two sessions at once.
    """
    given = dict(headers)
    if "authorization" in given or "api-key" in given:
        return given
    key = _key(given.get("cookie", ""))
    if key is None:
        return given
    require_own_page(method, given)
    return given | {"authorization": f"Bearer {key}"}


def require_own_page(method: str, headers: Mapping[str, str]) -> None:
    """Raises NotAllowed unless our own page sent this; what only reads needs no header of its own."""
    require_same_origin(headers)
    if method not in SAFE_METHODS and headers.get(CSRF_HEADER) != "1":
        raise _forged(f"expected `{CSRF_HEADER}: 1` beside the cookie")


def require_same_origin(headers: Mapping[str, str]) -> None:
    """Raises NotAllowed where the browser says that another site's page sent this."""
    site = headers.get("sec-fetch-site", "same-origin")
    if site not in OWN_SITES:
        raise _forged(f"a session counts only from this site's own page, this came {site[:20]}")
    origin = headers.get("origin")
    if origin is not None and not _is_of(origin, headers.get("host", "")):
        raise _forged(f"a session counts only from this site's own page, this came from {origin[:100]}")


def _is_of(origin: str, host: str) -> bool:
    scheme, _, authority = origin.lower().partition("://")
    return scheme in ("http", "https") and authority == host.lower() != ""


def values_of(name: str, cookies: str) -> set[str]:
    """The different values that a Cookie field has under this name."""
    pairs = (pair.partition("=") for pair in cookies.split(";"))
    return {value.strip() for each, _, value in pairs if each.strip() == name}


def _key(cookies: str) -> str | None:
    """The session's key; None without one. Two are nobody's: the other may have been put there by a neighbour."""
    found = values_of(COOKIE, cookies)
    if len(found) > 1:
        raise SessionEnded("expected one session, came several; sign in again")
    return found.pop() if found else None


def _forged(message: str) -> NotAllowed:
    return NotAllowed(message, code="csrf")
