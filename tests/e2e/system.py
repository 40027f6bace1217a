"""The whole system as a user runs it: `pixelmill up` in a home of its own, and the addresses that it prints."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import httpx2

from deploy.embedded.home import Home
from deploy.embedded.stack_state import ProcessState, read_state

ROOT = Path(__file__).resolve().parents[2]
COMMAND_SECONDS = 240


class System:
    """One running stack, driven through the command and the HTTP interfaces."""

    def __init__(self, home: Path, settings: Mapping[str, str]) -> None:
        self._home = Home(home)
        self._environment = {
            **{
                name: value for name, value in os.environ.items() if not name.startswith(("KAFKA_", "S3_", "DATABASE_"))
            },
            "PIXELMILL_HOME": str(home),
            "FETCH_ALLOW_NETWORKS": "127.0.0.0/8",
            **settings,
        }
        self.http = httpx2.Client(trust_env=False, timeout=30)
        self.addresses: dict[str, str] = {}

    def run(self, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
        """Run `pixelmill` with these arguments, and these settings besides."""
        return subprocess.run(
            [sys.executable, "-m", "pixelmill", *arguments],
            cwd=ROOT,
            env={**self._environment, **environment},
            capture_output=True,
            text=True,
            timeout=COMMAND_SECONDS,
            check=False,
        )

    def up(self, *arguments: str) -> None:
        done = self.run("up", *arguments)
        assert done.returncode == 0, done.stdout + done.stderr
        self.addresses = json.loads(self.run("env", "--json").stdout)

    def down(self) -> None:
        done = self.run("down")
        self.http.close()
        assert done.returncode == 0, done.stdout + done.stderr

    def processes(self) -> dict[str, ProcessState]:
        """What runs, by name, as the supervisor knows it."""
        return {process.name: process for process in read_state(self._home).processes}

    def kill(self, name: str) -> int:
        """`kill -9` the process of this name; returns its number."""
        identity = self.processes()[name].identity
        assert identity is not None, f"{name} does not run"
        assert identity.send(signal.SIGKILL)
        return identity.pid

    def submit(self, csv: str, **options: str) -> str:
        """Submit a CSV; returns the request's id."""
        answer = self.http.post(
            f"{self.addresses['INGEST_PUBLIC_URL']}/v1/requests",
            files={"file": ("c.csv", csv, "text/csv")},
            data=options,
        )
        assert answer.status_code == 202, answer.text
        return str(answer.json()["request_id"])

    def status(self, request_id: str) -> dict[str, Any]:
        answer = self.http.get(f"{self.addresses['AGGREGATOR_PUBLIC_URL']}/v1/requests/{request_id}")
        assert answer.status_code == 200, answer.text
        status: dict[str, Any] = answer.json()
        return status

    def has_ended(self, request_id: str) -> bool:
        """Whether the CSVs are there. A service that is just being restarted has not said so yet."""
        try:
            return bool(self.status(request_id)["progress"]["percent"] == 100)
        except (httpx2.TransportError, AssertionError):
            return False

    def images(self, request_id: str) -> list[dict[str, Any]]:
        """What became of every image, in the order of the CSV."""
        found: list[dict[str, Any]] = []
        wanted = {"limit": "500"}
        while True:
            address = f"{self.addresses['AGGREGATOR_PUBLIC_URL']}/v1/requests/{request_id}/images"
            answer = self.http.get(address, params=wanted)
            assert answer.status_code == 200, answer.text
            found += answer.json()["items"]
            if answer.json()["next_cursor"] is None:
                return found
            wanted["cursor"] = answer.json()["next_cursor"]

    def output(self, request_id: str, name: str = "output.csv") -> str:
        """One of the CSVs of a request that has ended."""
        answer = self.http.get(f"{self.addresses['AGGREGATOR_PUBLIC_URL']}/v1/requests/{request_id}/{name}")
        assert answer.status_code == 200, answer.text
        return answer.text
