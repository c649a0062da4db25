"""Real components, each skipped with one line where it is absent."""

import shutil
import socket
import subprocess
import time

import pytest

REDIS = shutil.which("redis-server")


class RedisServer:
    """A server of its own behind a Unix socket, in memory alone; on a port where one is named."""

    def __init__(self, folder, *options, port=0):
        self.socket = folder / "redis.sock"
        self.url = f"unix://{self.socket}"
        self._command = [REDIS, "--port", str(port), "--bind", "127.0.0.1"]
        self._command += ["--unixsocket", str(self.socket), "--dir", str(folder)]
        self._command += ["--save", "", "--appendonly", "no", *options]
        self.start()

    def start(self):
        self.process = subprocess.Popen(
            self._command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        for _ in range(200):
            try:
                with self.talk(b"PING") as there:
                    if there.recv(100):
                        return
            except OSError:
                time.sleep(0.02)
        pytest.fail("redis-server does not start")

    def talk(self, line):
        """A connection on which a line has been sent, without redis-py."""
        there = socket.socket(socket.AF_UNIX)
        there.settimeout(5.0)
        there.connect(str(self.socket))
        there.sendall(line + b"\r\n")
        return there

    def flush(self):
        with self.talk(b"FLUSHALL") as there:
            assert there.recv(100) == b"+OK\r\n"

    def kill(self):
        self.process.kill()
        self.process.wait()


@pytest.fixture(scope="session")
def redis_for_all(tmp_path_factory):
    if REDIS is None:
        pytest.skip("no redis-server: install Debian's redis-server")
    pytest.importorskip("redis", reason="no redis-py: pip install 'simroute[redis]'")
    server = RedisServer(tmp_path_factory.mktemp("redis"))
    yield server
    server.kill()


@pytest.fixture
def redis_server(redis_for_all):
    """One for the whole session, empty."""
    redis_for_all.flush()
    return redis_for_all
