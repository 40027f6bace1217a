"""A real MinIO server for tests, on a free port of the loopback address and in a folder that is gone afterwards.

`MINIO_BINARY` names the program. Without it, it is built once with Go, where Go is on the path (some minutes), and
kept in the user's cache folder. Where neither is to be had, the tests that need it are skipped.
"""

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import pytest
import urllib3
from pydantic import SecretStr

from deploy.embedded import die_with_parent
from deploy.embedded.free_ports import LOOPBACK, PortReservations
from deploy.embedded.home import Home
from deploy.embedded.user_cache import cache_folder
from shared.settings import S3Settings

BINARY: Final = "MINIO_BINARY"
MODULE: Final = "github.com/minio/minio"
# The last state of its archived repository.
VERSION: Final = "v0.0.0-20260212201848-7aac2a2c5b7c"
BUILD_SECONDS: Final = 1800.0
STOP_SECONDS: Final = 20.0
ACCESS_KEY: Final = "for-tests"
SECRET_KEY: Final = "for-tests-only"
# Half a minute in all; each answer but a good one is asked for again.
UNTIL_READY: Final = urllib3.Retry(
    total=60, backoff_factor=0.1, backoff_max=0.5, status_forcelist=range(400, 600), allowed_methods=None
)


@contextmanager
def running_minio() -> Iterator[S3Settings]:
    """Run a server for as long as the context lasts; skip the test when there is no program to run."""
    with tempfile.TemporaryDirectory(prefix="pixelmill-minio-") as folder, PortReservations() as ports:
        place = Path(folder)
        program = _program(Home(place / "home"))
        endpoint = f"{LOOPBACK}:{ports.take_any()}"
        with (place / "log").open("wb") as log:
            server = subprocess.Popen(_command(program, place / "data", endpoint), env=_environment(place), stderr=log)
            try:
                _wait_until_ready(endpoint, place / "log")
                yield _settings(endpoint)
            finally:
                server.terminate()
                server.wait(STOP_SECONDS)


def _program(home: Home) -> Path:
    named = os.environ.get(BINARY)
    if named:
        return Path(named)
    folder = cache_folder(f"minio/{VERSION}", home, os.environ)
    if not (folder / "minio").exists():
        _build(folder)
    return folder / "minio"


def _build(folder: Path) -> None:
    go = shutil.which("go")
    if go is None:
        pytest.skip(f"no MinIO server: {BINARY} is not set, and Go, which could build one, is not on the path")
    try:
        subprocess.run(
            [go, "install", f"{MODULE}@{VERSION}"],
            env={**os.environ, "GOBIN": str(folder)},
            cwd=folder,
            timeout=BUILD_SECONDS,
            capture_output=True,
            text=True,
            check=True,
        )
    except subprocess.CalledProcessError as error:
        last = error.stderr.strip().splitlines()[-1:] or ["it said nothing"]
        pytest.skip(f"no MinIO server: {BINARY} is not set, and Go could not build one: {last[0]}")


def _command(program: Path, data: Path, endpoint: str) -> list[str]:
    bound = [sys.executable, die_with_parent.__file__, str(os.getpid())]
    return [*bound, str(program), "server", "--quiet", "--address", endpoint, str(data)]


def _environment(place: Path) -> Mapping[str, str]:
    return {
        "PATH": os.environ.get("PATH", ""),
        "HOME": str(place),
        "MINIO_ROOT_USER": ACCESS_KEY,
        "MINIO_ROOT_PASSWORD": SECRET_KEY,
        "MINIO_BROWSER": "off",
        "MINIO_UPDATE": "off",
        "MINIO_SCANNER_SPEED": "slowest",
    }


def _wait_until_ready(endpoint: str, log: Path) -> None:
    with urllib3.PoolManager(retries=UNTIL_READY) as client:
        try:
            client.request("GET", f"http://{endpoint}/minio/health/ready")
        except urllib3.exceptions.HTTPError as error:
            raise AssertionError(f"MinIO does not start:\n{log.read_text(errors='replace')[-2000:]}") from error


def _settings(endpoint: str) -> S3Settings:
    return S3Settings(
        s3_endpoint=f"http://{endpoint}", s3_access_key=SecretStr(ACCESS_KEY), s3_secret_key=SecretStr(SECRET_KEY)
    )
