"""What a codec process can still do when a picture has taken it over: nothing but answer."""

import ctypes
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from services.processor.codec.memory_file import MemoryFile
from services.processor.codec.pool import CodecPool, PoolLimits
from tests.unit.processor.codec_children import codec_processes

MEBIBYTE = 1024 * 1024
GIBIBYTE = 1024 * MEBIBYTE
_CREATE_RULESET, _ONLY_VERSION = 444, 1


def landlock_version() -> int:
    return int(ctypes.CDLL(None).syscall(_CREATE_RULESET, None, ctypes.c_size_t(0), _ONLY_VERSION))


needs_landlock = pytest.mark.skipif(landlock_version() < 6, reason="the kernel has no Landlock, or an old one")


def status_of(process: int) -> dict[str, str]:
    lines = Path(f"/proc/{process}/status").read_text().splitlines()
    return {name: value.strip() for name, _, value in (line.partition(":") for line in lines)}


def limits_of(process: int) -> dict[str, str]:
    lines = Path(f"/proc/{process}/limits").read_text().splitlines()[1:]
    return {line[:26].strip(): line[26:47].strip() for line in lines}


@pytest.mark.checklist("P14")
async def test_a_codec_process_knows_no_setting_and_no_file_of_its_parent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("S3_SECRET_KEY", "not for everybody")
    pool = CodecPool(PoolLimits(processes=1, cpu_seconds=60, memory_bytes=GIBIBYTE))
    with socket.create_server(("127.0.0.1", 0)) as server, MemoryFile("source") as file:
        os.set_inheritable(server.fileno(), True)
        os.set_inheritable(file.descriptor, True)
        try:
            await pool.probe()
            (process,) = codec_processes(os.getpid())
            names = {entry.partition(b"=")[0] for entry in environment_of(process)}
            assert names == {b"PYTHONPATH"}
            files = files_of(process)
            assert len(files) == 4, "the standard streams and its own socket"
            assert files["0"] == os.devnull
        finally:
            await pool.close()


def files_of(process: int) -> dict[str, str]:
    return {link.name: str(link.readlink()) for link in Path(f"/proc/{process}/fd").iterdir()}


def environment_of(process: int) -> list[bytes]:
    return Path(f"/proc/{process}/environ").read_bytes().rstrip(b"\0").split(b"\0")


@pytest.mark.checklist("P14")
async def test_a_codec_process_gains_no_rights_and_has_its_limits() -> None:
    pool = CodecPool(PoolLimits(processes=1, cpu_seconds=60, memory_bytes=GIBIBYTE))
    try:
        await pool.probe()
        (process,) = codec_processes(os.getpid())
        assert status_of(process)["NoNewPrivs"] == "1"
        limits = limits_of(process)
        assert limits["Max core file size"] == "0"
        assert limits["Max address space"] == limits["Max file size"] == str(GIBIBYTE)
    finally:
        await pool.close()


CONFINED = """
import os, socket, sys
from services.processor.codec.box import confine

def refused(what):
    try:
        what()
    except PermissionError:
        return
    print("allowed:", what.__name__)

def reads_a_file(): open(sys.argv[1]).read()
def reads_settings_of_its_parent(): open(f"/proc/{os.getppid()}/environ").read()
def writes_a_file(): open(sys.argv[1] + ".new", "w")
def connects(): socket.create_connection(("127.0.0.1", int(sys.argv[2])))
def listens(): socket.create_server(("127.0.0.1", 0))
def kills_its_parent(): os.kill(os.getppid(), 0)
def starts_a_program(): os.execv("/bin/true", ["true"])

confine(2**31)
for deed in (reads_a_file, reads_settings_of_its_parent, writes_a_file, connects, listens):
    refused(deed)
for deed in (kills_its_parent, starts_a_program):
    refused(deed)
import colorsys
print("done")
"""


@needs_landlock
@pytest.mark.checklist("P14")
def test_a_confined_process_reaches_no_file_no_network_and_no_other_process(tmp_path: Path) -> None:
    secret = tmp_path / "secrets.json"
    secret.write_text("{}")
    with socket.create_server(("127.0.0.1", 0)) as server:
        done = subprocess.run(
            [sys.executable, "-c", CONFINED, str(secret), str(server.getsockname()[1])],
            capture_output=True,
            text=True,
            check=True,
        )
    assert done.stdout.splitlines() == ["done"]
