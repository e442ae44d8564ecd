"""A real Redis (Debian's redis-server) in a folder of its own; it keeps nothing on disk."""

import shutil
import signal
import subprocess
import tempfile
import time
from pathlib import Path

import redis


class RedisServer:
    """Starts at once; `stop` and `start` play an outage, `freeze` a server that takes calls and never answers.

    It listens on a socket in its folder, or on a port of the loopback.
    """

    def __init__(self, *options: str, port: int = 0) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="redis-")  # short: a socket's path has 107 bytes
        self.home = Path(self._folder.name)
        self.url = f"redis://127.0.0.1:{port}/0" if port else f"unix://{self.home}/redis.sock"
        listen = ["--port", str(port), "--bind", "127.0.0.1"] if port else ["--port", "0"]
        self._options = (*listen, "--unixsocket", f"{self.home}/redis.sock", *options)
        self.start()

    def start(self) -> None:
        """Returns when it answers."""
        program = shutil.which("redis-server")
        assert program, "redis-server is missing: make debian"
        place = ["--dir", str(self.home), "--save", ""]
        self._process = subprocess.Popen([program, *place, *self._options], stdout=subprocess.DEVNULL)
        until = time.monotonic() + 20
        while not self._answers():
            assert time.monotonic() < until, "redis-server did not start"
            time.sleep(0.02)

    def stop(self) -> None:
        """As if it had died; what it held is gone."""
        self._process.kill()
        self._process.wait(10)

    def freeze(self) -> None:
        """It answers nothing until `thaw`."""
        self._process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """It goes on."""
        self._process.send_signal(signal.SIGCONT)

    def url_file(self) -> Path:
        """A file that holds the URL as operators keep it."""
        file = self.home / "url"
        file.write_text(self.url + "\n")
        file.chmod(0o600)
        return file

    def held(self) -> dict[str, object]:
        """All keys and what is behind them, as text."""
        found: dict[str, object] = {}
        with redis.Redis.from_url(self.url, decode_responses=True) as client:
            for key in client.scan_iter():
                kind = client.type(key)
                read = {"string": client.get, "list": lambda at: client.lrange(at, 0, -1),
                        "zset": lambda at: client.zrange(at, 0, -1, withscores=True)}  # fmt: skip
                found[key] = read[kind](key)
        return found

    def close(self) -> None:
        """Stop it and remove its folder."""
        self.stop()
        self._folder.cleanup()

    def _answers(self) -> bool:
        try:
            with redis.Redis.from_url(self.url) as client:
                client.ping()
        except redis.AuthenticationError:
            return True
        except redis.RedisError:
            return False
        return True
