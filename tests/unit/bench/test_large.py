"""What `make large` judges by."""

import signal
import subprocess
import sys
from pathlib import Path

import httpx2

from bench.copying_services import copying_services
from bench.picture_source import picture_source
from bench.process_memory import Course, MemoryCourses, held_by, with_descendants
from bench.release_window import ReleaseWindow, Shape
from deploy.embedded.home import Home
from deploy.embedded.process_identity import identify
from deploy.embedded.services import Scale

SHAPE = Shape("r1", images=1000, chunk_size=100, window=2)


def test_images_of_chunks_that_have_advanced_do_not_count_against_the_window() -> None:
    window = ReleaseWindow(SHAPE)
    window.seen([(100, 75), (100, 10), (100, 0)])
    assert window.is_kept
    assert window.report() == {
        "max": 215,
        "bound": 225,
        "of_them_slow": 25,
        "window_x_chunk_size": 200,
        "max_in_chunks_not_advanced": 190,
        "samples": 1,
    }


def test_one_chunk_too_many_breaks_the_bound_for_good() -> None:
    window = ReleaseWindow(SHAPE)
    window.seen([(100, 0), (100, 0), (100, 74)])
    window.seen([])
    assert not window.is_kept


def test_a_window_that_nobody_looked_at_was_not_kept() -> None:
    assert not ReleaseWindow(SHAPE).is_kept


def test_only_services_are_judged_by_their_growth(tmp_path: Path) -> None:
    memory = MemoryCourses(Home(tmp_path))
    memory.courses = {
        "kafka": Course(first=1, last=500, most=500, settled=100),
        "ingest": Course(first=1, last=500, most=500, settled=100),
        "notifier": Course(first=1, last=100, most=900, settled=100),
        "processor-1": Course(first=1, last=500, most=500),
    }
    assert memory.grown(399) == ["ingest"]
    assert memory.grown(400) == []


def test_the_memory_of_children_is_counted() -> None:
    child = "import time; block = b'x' * 30_000_000; print('ready', flush=True); time.sleep(60)"
    parent = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {child!r}])"
    with subprocess.Popen([sys.executable, "-c", parent], stdout=subprocess.PIPE, start_new_session=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"ready\n"
        leader = identify(process.pid)
        assert leader is not None
        family = list(with_descendants(process.pid))
        held = held_by(leader)
        for pid in reversed(family):
            found = identify(pid)
            assert found is not None
            found.send(signal.SIGKILL)
    assert len(family) == 2
    assert held > 30_000_000


def test_processors_are_replaced_and_nothing_else() -> None:
    modules = {program.name: program.module for program in copying_services(Scale(processors=2))}
    assert modules.pop("processor-1") == modules.pop("processor-2") == "bench.copying_processor"
    assert all(module.startswith("services.") for module in modules.values())


def test_the_source_answers_every_path_with_a_picture_and_ends_with_its_block() -> None:
    with picture_source() as url, httpx2.Client(trust_env=False) as client:
        answers = [client.get(f"{url}/{number}.jpg") for number in range(3)]
        assert {answer.headers["content-type"] for answer in answers} == {"image/jpeg"}
        assert len(answers[0].content) > 500
