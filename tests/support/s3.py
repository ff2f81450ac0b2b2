"""An S3 server in the test's process: moto behind real HTTP, a bucket for each test."""

from __future__ import annotations

import logging
import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from http.client import HTTPConnection

import pytest
from moto.server import ThreadedMotoServer

from hub.config.storage import S3

# The server looks whether a call is signed, not by whom.
_ANYBODY = {"Authorization": "AWS somebody:else"}
KEY_ID, SECRET = "TESTKEYID", "a-secret-of-the-tests"


@dataclass(frozen=True)
class Bucket:
    """A bucket as somebody beside the hub sees it."""

    host: str
    port: int
    name: str

    @property
    def settings(self) -> S3:
        """How a hub is told of it."""
        return S3.model_validate(
            {
                "bucket": self.name,
                "endpoint": f"http://{self.host}:{self.port}",
                "prefix": "hub/one",
                "key_id": KEY_ID,
                "secret": SECRET,
                "timeout_s": 20,
                "total_s": 30,
            }
        )

    def call(self, method: str, path: str = "", body: bytes = b"") -> tuple[int, bytes]:
        """Make one call for an object, or for the bucket."""
        connection = HTTPConnection(self.host, self.port, timeout=20)
        try:
            connection.request(method, f"/{self.name}{path}", body=body, headers=_ANYBODY)
            answer = connection.getresponse()
            return answer.status, answer.read()
        finally:
            connection.close()


@pytest.fixture(scope="session")
def s3_server() -> Iterator[tuple[str, int]]:
    """Serve S3 on the loopback address for the whole run."""
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    yield server.get_host_and_port()
    server.stop()


@pytest.fixture
def bucket(s3_server: tuple[str, int]) -> Bucket:
    """A new bucket."""
    made = Bucket(*s3_server, name=f"test-{secrets.token_hex(8)}")
    status, answer = made.call("PUT")
    assert status == 200, answer
    return made
