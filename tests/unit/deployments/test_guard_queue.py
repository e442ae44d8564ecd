"""One encoder shared by many requests: each in turn, nothing for those who left, each error to its own caller."""

import asyncio
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from deployments.encoder_queue import EncoderQueue
from deployments.guard import RemoteScorer
from guards.errors import GuardFault
from guards.scores import make

ROOT = Path(__file__).parents[3]


class Letters:
    """An encoder whose windows are letters and whose scores tell them apart. It waits for a permit per window."""

    def __init__(self, permits: int = 10**6) -> None:
        self.permits = threading.Semaphore(permits)
        self.scored: list[str] = []
        self.cut: list[str] = []
        self.cut_before: dict[str, list[str]] = {}
        self.reached = threading.Event()

    def windows(self, text):
        self.cut.append(text)
        if "?" in text:
            raise ValueError(f"cannot cut {text}")
        return tuple((ord(letter),) for letter in text)

    def score_window(self, window):
        self.reached.set()
        assert self.permits.acquire(timeout=20)
        letter = chr(window[0])
        self.scored.append(letter)
        self.cut_before[letter] = list(self.cut)
        if letter == "!":
            raise ValueError("cannot score !")
        return grade(letter)


def grade(letter):
    return make(0.0, 0.0, (ord(letter) - 96) / 100, 0.0)


@pytest.fixture
def start():
    queues = []

    def open_queue(encoder):
        queues.append(EncoderQueue(encoder))
        return queues[-1]

    yield open_queue
    for queue in queues:
        queue.close()
        assert not queue.alive


async def ask(queue, *texts):
    """A request that has reached the queue."""
    task = asyncio.create_task(queue.score(texts))
    await asyncio.sleep(0)
    return task


async def held(start):
    """A queue whose thread stands in the middle of a first request's window `z`, and that request."""
    encoder = Letters(permits=0)
    queue = start(encoder)
    first = await ask(queue, "z")
    await asyncio.to_thread(encoder.reached.wait, 20)
    return encoder, queue, first


async def test_each_text_gets_the_worst_of_its_windows(start):
    queue = start(Letters())
    assert await queue.score(["abc", "a", "abc", "d"]) == [grade(letter) for letter in "cacd"]
    assert await queue.score([]) == []


async def test_a_long_text_does_not_hold_up_a_short_one(start):
    encoder, queue, first = await held(start)
    long = await ask(queue, "abcdefghijklmnop" * 50, "qrstuvwxy")
    short = await ask(queue, "Z")
    encoder.permits.release(10**6)
    assert await short == [grade("Z")]
    assert await long == [grade("p"), grade("y")]
    await first
    assert encoder.scored.index("Z") <= 2  # after what was at hand and one turn of the long request


async def test_turns_go_round(start):
    encoder, queue, first = await held(start)
    tasks = [first, *[await ask(queue, text) for text in ("abc", "def", "gh")]]
    encoder.permits.release(100)
    await asyncio.gather(*tasks)
    assert "".join(encoder.scored) == "zadgbehcf"


async def test_a_window_that_several_wait_for_is_scored_once(start):
    encoder, queue, first = await held(start)
    tasks = [await ask(queue, "abc", "b") for _ in range(5)]
    other = await ask(queue, "cd")
    encoder.permits.release(100)
    for task in tasks:
        assert await task == [grade("c"), grade("b")]
    assert await other == [grade("d")]
    await first
    assert sorted(encoder.scored) == ["a", "b", "c", "d", "z"]


async def test_cutting_a_long_text_does_not_hold_up_a_short_one(start):
    encoder, queue, first = await held(start)
    long = await ask(queue, *("ab" * 9000 + letter for letter in "cdefghi"))
    short = await ask(queue, "Z", "Y")
    encoder.permits.release(100)
    assert await short == [grade("Z"), grade("Y")]
    await asyncio.gather(first, long)
    assert len(encoder.cut_before["Y"]) == 6  # three of them long: one before, one beside, one between Z and Y


@pytest.mark.parametrize("leave", ["cancelled", "late"])
async def test_work_of_a_caller_that_left_is_dropped(start, leave):
    encoder, queue, first = await held(start)
    if leave == "cancelled":
        gone = await ask(queue, "abcdef")
        gone.cancel()
        with pytest.raises(asyncio.CancelledError):
            await gone
    else:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.01):
                await queue.score(["abcdef"])
    stays = await ask(queue, "xy")
    encoder.permits.release(100)
    assert await stays == [grade("y")]
    await first
    assert set(encoder.scored) == {"x", "y", "z"}
    assert "abcdef" not in encoder.cut


async def test_a_caller_that_leaves_halfway_is_dropped(start):
    encoder, queue, first = await held(start)
    gone = await ask(queue, "abcdef")
    encoder.permits.release(2)
    await first
    while encoder.scored != ["z", "a"]:
        await asyncio.sleep(0.001)
    gone.cancel()
    stays = await ask(queue, "x")
    encoder.permits.release(100)
    assert await stays == [grade("x")]
    assert len(set(encoder.scored) & set("abcdef")) <= 2  # the one at hand was not taken away


async def test_an_error_reaches_its_own_caller_alone(start):
    encoder, queue, first = await held(start)
    bad_window, bad_text = await ask(queue, "a!b"), await ask(queue, "c", "?")
    good = await ask(queue, "abc")
    encoder.permits.release(100)
    with pytest.raises(ValueError, match="cannot score !"):
        await bad_window
    with pytest.raises(ValueError, match=r"cannot cut \?"):
        await bad_text
    assert await good == [grade("c")]
    await first
    assert await queue.score(["d"]) == [grade("d")]


async def test_close_fails_those_who_wait_and_those_who_come(start):
    encoder, queue, first = await held(start)
    waiting = await ask(queue, "abcdef")
    closing = asyncio.create_task(asyncio.to_thread(queue.close))
    while not queue._closed:
        await asyncio.sleep(0.001)
    encoder.permits.release()
    await closing
    assert await first == [grade("z")]
    with pytest.raises(GuardFault, match="closed"):
        await waiting
    with pytest.raises(GuardFault, match="closed"):
        await queue.score(["a"])


async def test_a_remote_caller_that_is_cancelled_cancels_its_call():
    class Response:
        cancelled = False

        def __await__(self):
            return asyncio.get_running_loop().create_future().__await__()

        def cancel(self):
            self.cancelled = True

    class Handle:
        def __init__(self):
            self.score, self.remote, self.asked, self.response = self, self._remote, [], Response()

        def _remote(self, texts, digest):
            self.asked.append((texts, digest))
            return self.response

    handle = Handle()
    task = asyncio.create_task(RemoteScorer(handle, "d" * 64)(("a", "b")))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert handle.asked == [(["a", "b"], "d" * 64)]
    assert handle.response.cancelled


def test_a_replica_needs_no_torch():
    code = (
        "import asyncio, sys\n"
        "from deployments.guard import Guard\n"
        "async def serve():\n"
        "    replica = Guard.func_or_class('no-such-shelf')\n"
        "    await replica.check_health()\n"
        "    scores = await replica.score(['Hello', 'What is a firewall?'], await replica.digest())\n"
        "    assert len(scores) == 2 and all(s.sane for s in scores), scores\n"
        "    assert len(await replica.digest()) == 64\n"
        "asyncio.run(serve())\n"
        "print(sorted({'torch', 'transformers', 'peft'} & set(sys.modules)))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "[]"
