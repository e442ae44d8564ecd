"""Which keys are void: by their id, or all that somebody was issued before a moment. A fold of control records."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(slots=True)
class Revocations:
    """People are known by pseudonym. Only records change what this says, and none makes a void key good again."""

    _keys: set[str] = field(default_factory=set)
    _before_us: dict[str, int] = field(default_factory=dict)
    _holders: dict[str, str] = field(default_factory=dict)

    def apply(self, leaf: Mapping[str, Any]) -> None:
        """Take one record in; other kinds are passed over."""
        tag, fields = leaf["subject"], leaf["fields"]
        match leaf["kind"]:
            case "grant":  # whoever names the same id later does not hold that key
                self._holders.setdefault(fields["jti"], tag)
            case "revocation":
                self._revoke(tag, fields)
            case "erase":
                self._erase(fields["subject"])

    def holds(self, tag: str, jti: str, issued_us: int) -> bool:
        """Whether a key is void: this one, or all of this person that are as old. Microseconds since 1970."""
        return jti in self._keys or issued_us < self._before_us.get(tag, 0)

    def _revoke(self, tag: str, fields: Mapping[str, Any]) -> None:
        """One key (`jti`), or all of the subject from before `before_us`; of several moments the latest counts."""
        if (jti := fields.get("jti")) is not None:
            self._keys.add(jti)
        if (before_us := fields.get("before_us")) is not None:
            self._before_us[tag] = max(before_us, self._before_us.get(tag, 0))

    def _erase(self, tag: str) -> None:
        """The pseudonym is nobody's from here on: what was minted for whoever was revoked stays void by its id."""
        held = {jti for jti, holder in self._holders.items() if holder == tag}
        if self._before_us.pop(tag, None) is not None:
            self._keys |= held
        for jti in held:
            del self._holders[jti]
