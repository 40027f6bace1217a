"""What a codec process can still do when a picture has taken it over: nothing but answer."""

import ctypes
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image, ImageCms

from services.processor.codec.memory_file import MemoryFile
from services.processor.codec.pool import CodecPool, PoolLimits
from tests.unit.processor.codec_children import codec_processes
from tests.unit.processor.pictures import encoded, photo

MEBIBYTE = 1024 * 1024
GIBIBYTE = 1024 * MEBIBYTE
_CREATE_RULESET, _ONLY_VERSION = 444, 1


def landlock_version() -> int:
    return int(ctypes.CDLL(None).syscall(_CREATE_RULESET, None, ctypes.c_size_t(0), _ONLY_VERSION))


needs_landlock = pytest.mark.skipif(landlock_version() < 1, reason="the kernel has no Landlock")


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
            assert names == {b"PYTHONPATH"} | {
                name for name in (b"PYTHONPYCACHEPREFIX", b"PYTHONDONTWRITEBYTECODE") if name.decode() in os.environ
            }
            files = files_of(process)
            assert len(files) == 4, "the standard streams and its own socket"
            assert files["0"] == files["1"] == os.devnull
            assert files["2"].startswith("pipe:")
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

def is_refused(what):
    try:
        what()
    except PermissionError:
        return True
    return False

def reads_a_file(): open(sys.argv[1]).read()
def reads_settings_of_its_parent(): open(f"/proc/{os.getppid()}/environ").read()
def writes_a_file(): open(sys.argv[1] + ".new", "w")
def starts_a_program(): os.execv("/bin/true", ["true"])
def connects(): socket.create_connection(("127.0.0.1", int(sys.argv[2])))
def listens(): socket.create_server(("127.0.0.1", 0))
def kills_its_parent(): os.kill(os.getppid(), 0)

since = {1: [reads_a_file, reads_settings_of_its_parent, writes_a_file, starts_a_program],
         4: [connects, listens], 6: [kills_its_parent]}
version = confine(2**31)
allowed = [deed.__name__ for first in since if first <= version for deed in since[first] if not is_refused(deed)]
import colorsys
print(version, *allowed)
"""


@needs_landlock
@pytest.mark.checklist("P14")
def test_a_confined_process_reaches_no_file_no_network_and_no_other_process_as_far_as_the_kernel_can(
    tmp_path: Path,
) -> None:
    secret = tmp_path / "secrets.json"
    secret.write_text("{}")
    with socket.create_server(("127.0.0.1", 0)) as server:
        said = said_by(CONFINED, str(secret), str(server.getsockname()[1]))
    assert said == str(min(6, landlock_version()))


def said_by(program: str, *arguments: str) -> str:
    done = subprocess.run([sys.executable, "-c", program, *arguments], capture_output=True, text=True, check=True)
    return done.stdout.strip()


@needs_landlock
def test_a_landlock_that_cannot_be_applied_is_told_as_none() -> None:
    """The kernel stops at a number of them, one inside the other."""
    many = "from services.processor.codec.box import confine; print(*{confine(2**31) for _ in range(17)})"
    assert "0" in said_by(many).split()


def test_limits_that_are_lower_already_stay() -> None:
    lower = """
import resource
from services.processor.codec.box import confine
resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64))
confine(2**31)
print(*resource.getrlimit(resource.RLIMIT_NOFILE))
"""
    assert said_by(lower) == "64 64"


REHEARSED = """
import os, sys
from pathlib import Path
import tests.unit.processor.pictures as pictures
from services.processor.codec.rehearsal import rehearse

rehearse(may_repack=False)
threads, known = len(os.listdir("/proc/self/task")), set(sys.modules)
for source in sys.argv[1:]:
    for target in ("keep", "jpeg", "png", "webp"):
        pictures.run(Path(source).read_bytes(), [{"format": target, "quality": 50, "width": 30}])
print(threads, *set(sys.modules) - known)
"""


@pytest.mark.checklist("P14")
def test_what_is_loaded_late_is_loaded_before_the_box_is_closed_and_no_thread_stays_outside(tmp_path: Path) -> None:
    profile, exif = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes(), Image.Exif()
    exif[0x010E] = "A picture"
    sources = {
        "jpeg": encoded(photo(), "JPEG", icc_profile=profile, exif=exif),
        "mpo": encoded(photo(), "MPO", save_all=True, append_images=[photo()], exif=exif),
        "png": encoded(photo().convert("RGBA"), "PNG", icc_profile=profile, exif=exif),
        "webp": encoded(photo(), "WEBP", exif=exif),
        "gif": encoded(photo().quantize(16), "GIF", transparency=0),
        "damaged": encoded(photo(), "JPEG")[:200],
        "page": b"<html>",
    }
    for name, source in sources.items():
        (tmp_path / name).write_bytes(source)
    assert said_by(REHEARSED, *(str(tmp_path / name) for name in sources)) == "1"


LOCKED = """
import io, os
from PIL import Image
import tests.unit.processor.pictures as pictures
from services.processor.codec.box import start_nothing_more
from services.processor.codec.rehearsal import rehearse

os.putenv("RAYON_NUM_THREADS", "1")
rehearse(may_repack=True)
if os.geteuid() == 0:
    os.setuid(65534)
start_nothing_more()
pictures.compressed(pictures.encoded(Image.effect_noise((64, 64), 50).convert("1"), "PNG", compress_level=9))
try:
    os.fork()
except BlockingIOError:
    print("refused")
"""


@pytest.mark.checklist("P14")
def test_a_process_without_root_starts_no_other_and_packs_pictures_all_the_same() -> None:
    assert said_by(LOCKED) == "refused"


def test_a_closed_memory_is_not_for_others_of_the_same_user() -> None:
    closed = """
import os, sys
from services.processor.closed_memory import close_memory
if os.geteuid() == 0:
    os.setuid(65534)
close_memory()
print(os.stat("/proc/self/environ").st_uid)
"""
    assert said_by(closed) == "0"
