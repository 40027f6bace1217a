"""What `make bench` counts."""

import os
import shutil
from pathlib import Path

import httpx2
import pytest
from PIL import Image

from bench.__main__ import requests_of
from bench.compare import medians, ratios
from bench.figures import quantile
from bench.folder_source import folder_source
from bench.pictures import Pictures


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    Image.new("RGB", (40, 30)).save(tmp_path / "small.jpg")
    Image.new("L", (2000, 1101)).save(tmp_path / "large.png")
    (tmp_path / "README.md").write_text("No picture.", "utf-8")
    return tmp_path


def test_the_product_set_leaves_out_what_only_cameras_make(folder: Path) -> None:
    assert Pictures.of(folder, "mixed").names == ("large.png", "small.jpg")
    assert Pictures.of(folder, "product").names == ("small.jpg",)


def test_without_a_folder_the_examples_are_taken() -> None:
    assert "windmill.png" in Pictures.of(None, "product").names


def test_a_folder_without_pictures_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match="no pictures"):
        Pictures.of(tmp_path, "mixed")


def test_every_image_is_in_one_request_of_at_most_sixty() -> None:
    requests = list(requests_of(130))
    assert [len(request) for request in requests] == [60, 60, 10]
    assert [number for request in requests for number in request] == list(range(130))


def test_quantiles_lie_within_what_was_measured() -> None:
    assert (quantile([2.0], 99), quantile([1.0, 2.0, 3.0], 50)) == (2.0, 2.0)


def test_a_ratio_compares_medians_and_leaves_out_what_is_zero() -> None:
    ours, other = medians([{"a": 1, "b": 0}, {"a": 9, "b": 0}, {"a": 4, "b": 5}]), {"a": 2.0, "b": 0.0}
    assert ours == {"a": 4, "b": 0}
    assert ratios(ours, other) == {"a": 2.0}


def test_a_source_serves_the_files_of_its_folder_whatever_the_query(folder: Path) -> None:
    with folder_source(folder) as source, httpx2.Client(trust_env=False) as client:
        for number in range(2):
            answer = client.get(f"{source.address}/small.jpg?{number}")
            assert answer.content == (folder / "small.jpg").read_bytes()
            assert answer.headers["content-type"] == "image/jpeg"
        assert client.get(f"{source.address}/none.jpg").status_code == 404


@pytest.mark.skipif(shutil.which("nginx") is None, reason="There is no nginx")
def test_a_source_is_given_out_when_it_listens_however_long_that_takes(
    folder: Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    slow = tmp_path_factory.mktemp("bin") / "nginx"
    slow.write_text(f'#!/bin/sh\nsleep 0.5\nexec {shutil.which("nginx")} "$@"\n', "utf-8")
    slow.chmod(0o700)
    monkeypatch.setenv("PATH", str(slow.parent), prepend=os.pathsep)
    with folder_source(folder) as source, httpx2.Client(trust_env=False) as client:
        assert client.get(f"{source.address}/small.jpg").status_code == 200


def test_a_source_that_cannot_start_is_an_error(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    broken = tmp_path / "nginx"
    broken.write_text("#!/bin/sh\nexit 1\n", "utf-8")
    broken.chmod(0o700)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    with pytest.raises(RuntimeError, match="does not listen"), folder_source(folder):
        pass
