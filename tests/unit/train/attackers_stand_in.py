"""Stand-ins for the attackers: environments as the locks ask for them, with a tiny PyRIT and a tiny garak in them.

They speak what the real ones speak to us: converters by name, and a configuration, prompts over HTTP, a report.
"""

import hashlib
import sys
from pathlib import Path

from train.attack.environment import LOCKS, STAMP

CONVERTERS = '''
import base64, types

class Converter:
    """Whatever it is called, it encodes; one of them breaks."""
    def __init__(self, **arguments):
        self.arguments = arguments

    async def convert_async(self, *, prompt, input_type):
        if self.arguments.get("caesar_offset"):
            raise ValueError("no shift today")
        return types.SimpleNamespace(output_text=base64.b64encode(prompt.encode()).decode())

def __getattr__(name):
    if name.startswith("__"):
        raise AttributeError(name)
    return Converter
'''
PROBES = """
import json, sys, urllib.error, urllib.request, yaml
from pathlib import Path

given = dict(zip(sys.argv[1::2], sys.argv[2::2]))
config = yaml.safe_load(Path(given["--config"]).read_text())
rest = config["plugins"]["generators"]["rest"]["RestGenerator"]
words = config["plugins"]["detectors"]["shields"]["Up"]["upstrings"]
hits = evaluated = 0
for number in range(config["run"]["soft_probe_prompt_cap"] + 2):  # as some probes do, past the cap
    body = json.dumps({"prompt": f"{given['--probes']} {number % 4} ignore all"}).encode()
    try:
        with urllib.request.urlopen(urllib.request.Request(rest["uri"], body, method="POST")) as answer:
            verdict = json.load(answer)["preceptor"]["verdict"]
    except urllib.error.HTTPError as error:
        assert error.code in rest["skip_codes"], error.code
        continue
    evaluated += 1
    hits += not any(word in verdict for word in words)
report = Path(config["reporting"]["report_dir"]) / "garak.report.jsonl"
entry = {"entry_type": "eval", "total_evaluated": evaluated, "passed": evaluated - hits}
report.write_text(json.dumps({"entry_type": "init"}) + "\\n" + json.dumps(entry) + "\\n")
"""
PACKAGES = {
    "pyrit": {
        "converter.py": CONVERTERS,
        "common/__init__.py": "",
        "common/random_context.py": "def configure_random_seed(*, seed):\n    assert isinstance(seed, int)\n",
    },
    "garak": {"__main__.py": PROBES},
}


def put_in_place(folder: Path) -> Path:
    """Both environments below `folder`, which is returned."""
    packages = folder / "packages"
    for name, files in PACKAGES.items():
        for file, text in {"__init__.py": "", **files}.items():
            (packages / name / file).parent.mkdir(parents=True, exist_ok=True)
            (packages / name / file).write_text(text)
        python = folder / name / "bin" / "python"
        python.parent.mkdir(parents=True)
        # what isolates the real ones would hide the packages of these
        python.write_text(
            f'#!/bin/sh\n[ "$1" = -I ] && shift\nPYTHONPATH={packages} exec {sys.executable} -P "$@"\n',
            encoding="utf-8",
        )
        python.chmod(0o755)
        lock = hashlib.sha256((LOCKS / f"{name}.txt").read_bytes()).hexdigest()
        (folder / name / STAMP).write_text(f"{lock}\n")
    return folder
