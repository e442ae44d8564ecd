"""Real logs in a temporary folder, and entries to put into them."""

import contextlib
import io
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from audit import init, keys, verify
from audit.log import Log
from audit.record import Entry, Kind

LATER_US = 4_000_000_000_000_000
ALLOWED = {"action": "ALLOW", "category": None, "score_ppm": 1000}
DIGESTS = {name: name[0] * 64 for name in ("model_digest", "guard_digest", "policy_digest", "terms_digest")}


@dataclass
class World:
    """One root with a control and an exchange log."""

    home: Path

    @property
    def root(self) -> Path:
        return self.home / "audit"

    @property
    def keys(self) -> keys.Keys:
        return keys.load(self.home / "keys")

    def open(self, name: str = "exchange-0", **more: Any) -> Log:
        return Log.open(self.root / name, self.keys, **more)

    def segments(self, name: str = "exchange-0") -> list[Path]:
        return sorted((self.root / name / "seg").iterdir())

    def verify(self, *arguments: Any) -> tuple[int, dict[str, Any]]:
        """Exit code and report of the command, which never raises."""
        given = [str(argument) for argument in arguments] or [str(self.root)]
        with contextlib.redirect_stdout(io.StringIO()) as out:
            code = verify.main(given)
        return code, json.loads(out.getvalue())

    @staticmethod
    def request(request_id: str, text: str = "What is XSS?", deadline_us: int | None = None, **more: Any) -> Entry:
        fields = ALLOWED | DIGESTS | {
            "checks": [{"check": "rules", "action": "ALLOW", "category": None, "score_ppm": 0}],
            "client_request_id": None, "stream": True, "role": "learner",
            "params": {"max_tokens": 16, "temperature_ppm": 0, "top_p_ppm": 1_000_000, "seed": None},
            "deadline_us": deadline_us or LATER_US,
        } | more  # fmt: skip
        return Entry(Kind.request, request_id, 0, "school", "ada", fields, text)

    @staticmethod
    def window(request_id: str, n: int, text: str) -> Entry:
        return Entry(Kind.window, request_id, n + 1, "school", "ada", {"n": n} | ALLOWED, text)

    @staticmethod
    def answer(request_id: str, windows: int, text: str) -> Entry:
        usage = {"prompt_tokens": 5, "completion_tokens": 7}
        fields = {"finish_reason": "stop", "windows": windows, "usage": usage} | ALLOWED
        return Entry(Kind.answer, request_id, windows + 1, "school", "ada", fields, text)

    def exchange(self, request_id: str, *pieces: str) -> list[Entry]:
        windows = [self.window(request_id, n, piece) for n, piece in enumerate(pieces)]
        return [self.request(request_id), *windows, self.answer(request_id, len(pieces), "".join(pieces))]


@pytest.fixture
def world(tmp_path: Path) -> World:
    init.begin(tmp_path / "audit", tmp_path / "keys", "test", 1)
    return World(tmp_path)
