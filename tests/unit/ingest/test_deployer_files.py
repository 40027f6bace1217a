"""The files that a deployer may write: rules and recipes."""

import json
from pathlib import Path
from typing import Any

import pytest

from services.ingest.deployer_files import csv_rules, recipe_book
from services.ingest.domain.csv_rules import CsvRules
from services.ingest.domain.options import SubmitOptions
from tests.recipes import default_recipe
from tests.unit.ingest.fakes import RECIPES
from tests.unit.ingest.test_settings import start

COMPRESSED = {"name": "compressed"}


def file_of(folder: Path, content: object) -> Path:
    path = folder / "given.json"
    path.write_text(content if isinstance(content, str) else json.dumps(content), "utf-8")
    return path


def test_without_a_file_the_built_in_rules_hold() -> None:
    assert csv_rules(None) == CsvRules()


def test_a_file_changes_only_what_it_names(tmp_path: Path) -> None:
    rules = csv_rules(file_of(tmp_path, {"max_rows": 10, "serial": {"names": ["SKU"], "type": "text"}}))
    assert (rules.max_rows, rules.max_columns) == (10, 256)
    assert (rules.serial.names, rules.serial.type, rules.serial.unique) == (("SKU",), "text", True)
    assert rules.name == CsvRules().name


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("{", "Invalid JSON"),
        ("[]", "an object"),
        ({"max_row": 1}, "max_row"),
        ({"max_rows": 0}, "max_rows"),
        ({"serial": {"names": []}}, "serial.names"),
        ({"serial": {"type": "number"}}, "serial.type"),
        ({"serial": {"role": "urls"}}, "role"),
        ({"serial": 1}, "serial"),
        ({"serial": {"names": ["image  urls"]}}, "more than one column"),
        ({"name": {"names": [" "]}}, "empty name"),
    ],
)
def test_wrong_rules_are_refused_with_their_place(tmp_path: Path, content: object, said: str) -> None:
    path = file_of(tmp_path, content)
    with pytest.raises(ValueError, match=r"given\.json: ") as caught:
        csv_rules(path)
    assert said in str(caught.value)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ({}, "at least 1"),
        ({"small": [COMPRESSED]}, "no recipe named default"),
        ({"default": []}, "first rendition"),
        ({"default": [{"name": "thumbnail"}]}, "first rendition"),
        ({"default": [COMPRESSED, COMPRESSED]}, "two renditions of one name"),
        ({"default": [{**COMPRESSED, "qality": 3}]}, "default.0.qality"),
        ({"default": [{**COMPRESSED, "quality": 99}]}, "default.0.quality"),
        ({"default": [COMPRESSED], "Not A Name": [COMPRESSED]}, "pattern"),
    ],
)
def test_wrong_recipes_are_refused_with_their_place(tmp_path: Path, content: object, said: str) -> None:
    path = file_of(tmp_path, content)
    with pytest.raises(ValueError, match=r"given\.json: ") as caught:
        recipe_book(path)
    assert said in str(caught.value)


def test_a_file_that_is_not_there_is_told_at_the_start() -> None:
    ended = start("api", CSV_RULES_FILE="/nowhere/rules.json", RECIPES_FILE="/nowhere/recipes.json")
    assert ended.returncode == 2
    assert [line.split(": ")[1] for line in ended.stderr.splitlines()] == ["CSV_RULES_FILE", "RECIPES_FILE"]
    assert "cannot read /nowhere/rules.json" in ended.stderr


def test_the_packaged_recipes_are_the_default_and_one_with_a_thumbnail() -> None:
    assert RECIPES.names == ("default", "with_thumbnail")
    assert RECIPES.recipe(SubmitOptions()) == default_recipe()
    thumbnail = RECIPES.recipe(SubmitOptions(recipe="with_thumbnail")).renditions[1]
    assert (thumbnail.width, thumbnail.height, thumbnail.fit, thumbnail.format) == (200, 200, "cover", "webp")


def test_quality_and_format_are_those_of_the_compressed_rendition_alone() -> None:
    given: dict[str, Any] = {"recipe": "with_thumbnail", "quality": 30, "format": "png"}
    compressed, thumbnail = RECIPES.recipe(SubmitOptions(**given)).renditions
    assert (compressed.quality, compressed.format) == (30, "png")
    assert (thumbnail.quality, thumbnail.format) == (75, "webp")
