"""The terms that users accept, and the lessons that come before hands-on answers: Markdown files with a small head."""

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parent.parent
TERMS = ROOT / "docs" / "policy" / "terms.md"
ETHICS = ROOT / "docs" / "policy" / "ethical-use.md"
LESSONS = ROOT / "app" / "lessons"


@dataclass(frozen=True, slots=True)
class Terms:
    """Terms of use, or the Ethical Use Statement; `digest` is the SHA-256 of the whole file, hex."""

    version: str
    digest: str
    text: str

    @classmethod
    def load(cls, path: Path = TERMS) -> "Terms":
        """Read them; raises OSError, ValueError for a file without its head."""
        head, text = _split(path)
        return cls(str(head["version"]), hashlib.sha256(path.read_bytes()).hexdigest(), text)


@dataclass(frozen=True, slots=True)
class Lesson:
    """A short lesson with ungraded self-check questions; without questions there is nothing to pass."""

    id: str
    title: str
    text: str
    questions: tuple[str, ...]

    def describe(self) -> dict[str, Any]:
        """The `lesson` object of the API."""
        return {
            "id": self.id,
            "title": self.title,
            "text": self.text,
            "questions": list(self.questions),
            "pass_url": f"/v1/lessons/{self.id}/pass" if self.questions else None,
        }

    def shown(self) -> str:
        """The lesson as assistant text, for clients that know nothing of lessons."""
        if not self.questions:
            return f"## {self.title}\n\n{self.text}"
        asked = "\n".join(f"- {question}" for question in self.questions)
        return (
            f"## {self.title}\n\n{self.text}\n\n**Ask yourself**\n\n{asked}\n\n"
            f"Pass this lesson with `POST /v1/lessons/{self.id}/pass`, then ask again."
        )


def load_lessons(folder: Path = LESSONS) -> dict[str, Lesson]:
    """All lessons by id."""
    lessons = {}
    for path in sorted(folder.glob("*.md")):
        head, text = _split(path)
        lessons[head["id"]] = Lesson(head["id"], head["title"], text, tuple(head["questions"]))
    return lessons


def _split(path: Path) -> tuple[dict[str, Any], str]:
    _, head, text = path.read_text().split("---\n", 2)
    return yaml.safe_load(head), text.strip()
