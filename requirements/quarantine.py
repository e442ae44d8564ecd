"""Refuses a lock that holds a release known to be malicious: `python3.11 requirements/quarantine.py [LOCK]...`.

Needs nothing but Python, so that it runs before anything is installed. The other half of the quarantine is time: `make
lock` takes no release younger than a week, because most malicious ones are found and taken down within days.
Exit status: 0 clean; 1 a lock holds one; 2 no lock could be read.
"""

import re
import sys
from pathlib import Path

MALICIOUS = {  # names as PEP 503 normalises them; why
    ("guardrails-ai", "0.10.1"): "published by a stolen account",
    ("litellm", "1.82.7"): "steals credentials at import",
    ("litellm", "1.82.8"): "steals credentials at start of Python",
}
PIN = re.compile(r"^([A-Za-z0-9._-]+)(?:\[[^\]]*\])?==([^\s;\\]+)", re.MULTILINE)


def found(lock: str) -> list[str]:
    """One sentence for each malicious pin in a lock's text; a build suffix such as +cpu does not hide one."""
    pins = {(re.sub(r"[-_.]+", "-", name).lower(), version.partition("+")[0]) for name, version in PIN.findall(lock)}
    return [f"{name}=={version}: {why}" for (name, version), why in MALICIOUS.items() if (name, version) in pins]


def main(arguments: list[str]) -> int:
    """Check the locks that are named, or all beside this file."""
    locks = [Path(name) for name in arguments] or sorted(Path(__file__).parent.glob("*.txt"))
    try:
        texts = {lock: lock.read_text() for lock in locks}
    except OSError as error:
        print(f"quarantine: {error.filename}: {error.strerror}", file=sys.stderr)
        return 2
    if not any(PIN.search(text) for text in texts.values()):
        print("quarantine: no lock with a pin was found", file=sys.stderr)
        return 2
    bad = [f"{lock.name}: {each}" for lock, text in texts.items() for each in found(text)]
    print("\n".join(bad) or f"no malicious release in {len(texts)} files")
    return int(bool(bad))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
