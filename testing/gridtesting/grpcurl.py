"""The real grpcurl against a running server, without proto files: what an operator has at hand when nothing else is."""

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

_SECONDS = 30
_ENDLESS_SECONDS = (2, 20)  # the second where a loaded machine was mute in the first


class Grpcurl:
    """Calls of servers by address (`host:port`) and of methods by their full name, `package.Service/Method`."""

    def __init__(self) -> None:
        found = shutil.which("grpcurl", path=str(Path(sys.executable).parent))
        assert found is not None, "grpcurl is not beside the interpreter: make install brings it"
        self._program = found

    def ask(self, address: str, method: str, request: dict[str, Any]) -> dict[str, Any]:
        """The answer of a unary call as JSON, fields by their names in the proto."""
        answer: dict[str, Any] = json.loads(self.call(address, method, request))
        return answer

    def call(self, address: str, method: str, request: dict[str, Any]) -> str:
        """What a call prints that ends by itself. Raises AssertionError where it fails."""
        done = self._run("-d", json.dumps(request), address, method)
        assert done.returncode == 0, f"{method} {request}: {done.stdout}{done.stderr}"
        return done.stdout

    def refused(self, address: str, method: str, request: dict[str, Any]) -> str:
        """What a call prints that is refused. Raises AssertionError where it is not."""
        done = self._run("-d", json.dumps(request), address, method)
        assert done.returncode != 0, f"{method} {request}: {done.stdout}"
        return done.stderr

    def listen(self, address: str, method: str, request: dict[str, Any]) -> str:
        """What a stream without an end prints within seconds. Raises AssertionError where it fails, or is mute."""
        for seconds in _ENDLESS_SECONDS:
            done = self._run("-max-time", str(seconds), "-d", json.dumps(request), address, method)
            assert "DeadlineExceeded" in done.stderr, f"{method} {request}: {done.stdout}{done.stderr}"
            if done.stdout:
                return done.stdout
        raise AssertionError(f"{method} {request}: no message in {_ENDLESS_SECONDS[-1]} s")

    def services(self, address: str) -> set[str]:
        """The full names that `grpcurl list` gives."""
        return set(self._printed(address, "list").split())

    def describe(self, address: str, service: str) -> str:
        """The service as `grpcurl describe` gives it."""
        return self._printed(address, "describe", service)

    def _printed(self, *words: str) -> str:
        done = self._run(*words)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def _run(self, *words: str) -> subprocess.CompletedProcess[str]:
        command = [self._program, "-plaintext", *words]
        return subprocess.run(command, check=False, capture_output=True, text=True, timeout=_SECONDS)  # noqa: S603  # ours
