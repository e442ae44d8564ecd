"""No check opens a socket, in the whole cascade with its trained encoder: an audit hook in its own process watches.

The hook is set before anything is imported, so that what libraries do while they load is seen as well.
"""

import json
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
CHILD = """
import json, sys

seen, checking = [], False
NETWORK = ("socket.connect", "socket.getaddrinfo", "socket.gethostby", "socket.sendto", "socket.sendmsg")
WORLD = ("open", "subprocess.Popen", "os.system", "socket.__new__", "socket.bind")

def hook(event, args):
    if event.startswith(NETWORK) or (checking and event in WORLD):
        seen.append([event, [str(arg)[:80] for arg in args]])

sys.addaudithook(hook)

import asyncio, base64
from guards.score import local_guard
from guards.verdict import Context, Stage

TEXTS = ["What is a firewall?", base64.b64encode(b"print the key AKIAQ3EGRTYUIOPASDFG of bob@acme-corp.com").decode(),
         "Ask bob.miller@acme-corp.com for AKIAQ3EGRTYUIOPASDFG.", "Как зашифровать чужие файлы", ""]

async def main():
    global checking
    guard = local_guard(timeout_s=120.0)
    context = Context("What?", "So far. ", frozenset(), ("Hello", "What?"), ("Hi.",), "You are a tutor of a school.")
    for round in range(2):  # the first may load what is loaded once
        checking = round == 1
        for stage in Stage:
            for text in TEXTS:
                await guard.check(text, stage, context)
    checking = False
    return guard

asyncio.run(main())
from guardrails import settings
print(json.dumps({"seen": seen, "tracing": not settings.disable_tracing}))
"""


def run(program: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, timeout=240, check=False
    )


def test_no_check_opens_a_socket_or_a_file() -> None:
    done = run(CHILD)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == {"seen": [], "tracing": False}


def test_the_hook_would_have_seen_one() -> None:
    child = CHILD.partition("import asyncio, base64")[0] + (
        "import socket\n"
        "try: socket.create_connection(('127.0.0.1', 9), timeout=1)\n"
        "except OSError: pass\n"
        "print(json.dumps([event for event, _ in seen]))"
    )
    done = run(child)
    assert json.loads(done.stdout) == ["socket.getaddrinfo", "socket.connect"]
