"""Runs the real grpcurl against a server, without proto files, as an operator would."""

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

_SECONDS = 30
_ENDLESS_SECONDS = (2, 20)  # the second if a loaded machine sent nothing in the first


class Grpcurl:
    """Calls servers by address (`host:port`) and methods by their full name, `package.Service/Method`."""

    def __init__(self) -> None:
        found = shutil.which("grpcurl", path=str(Path(sys.executable).parent))
        assert found is not None, "grpcurl is not beside the interpreter: make install brings it"
        self._program = found

    def ask(self, address: str, method: str, request: dict[str, Any]) -> dict[str, Any]:
        """The answer of a unary call as JSON, with the proto's field names."""
        answer: dict[str, Any] = json.loads(self.call(address, method, request))
        return answer

    def call(self, address: str, method: str, request: dict[str, Any]) -> str:
        """The output of a call that ends by itself. Raises AssertionError if it fails."""
        done = self._run("-d", json.dumps(request), address, method)
        assert done.returncode == 0, f"{method} {request}: {done.stdout}{done.stderr}"
        return done.stdout

    def refused(self, address: str, method: str, request: dict[str, Any]) -> str:
        """The output of a call that is refused. Raises AssertionError if it is not."""
        done = self._run("-d", json.dumps(request), address, method)
        assert done.returncode != 0, f"{method} {request}: {done.stdout}"
        return done.stderr

    def listen(self, address: str, method: str, request: dict[str, Any]) -> str:
        """The output of an endless stream within seconds. Raises AssertionError if it fails or sends nothing."""
        for seconds in _ENDLESS_SECONDS:
            done = self._run("-max-time", str(seconds), "-d", json.dumps(request), address, method)
            assert "DeadlineExceeded" in done.stderr, f"{method} {request}: {done.stdout}{done.stderr}"
            if done.stdout:
                return done.stdout
        raise AssertionError(f"{method} {request}: no message in {_ENDLESS_SECONDS[-1]} s")

    def services(self, address: str) -> set[str]:
        """The full names that `grpcurl list` prints."""
        return set(self._printed(address, "list").split())

    def describe(self, address: str, service: str) -> str:
        """The output of `grpcurl describe` for the service."""
        return self._printed(address, "describe", service)

    def _printed(self, *words: str) -> str:
        done = self._run(*words)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def _run(self, *words: str) -> subprocess.CompletedProcess[str]:
        command = [self._program, "-plaintext", *words]
        return subprocess.run(command, check=False, capture_output=True, text=True, timeout=_SECONDS)  # noqa: S603  # ours
