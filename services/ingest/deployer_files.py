"""The files that a deployer may write: CSV rules and recipes, as JSON. A wrong one is told in one readable line."""

from importlib import resources
from pathlib import Path
from typing import Final, TypeVar

from pydantic import BaseModel, ValidationError

from services.ingest.domain.csv_rules import CsvRules
from services.ingest.domain.recipe_book import RecipeBook

T = TypeVar("T", bound=BaseModel)

_PACKAGED_RECIPES: Final = "recipes.json"
_MAX_PROBLEMS: Final = 5


def csv_rules(path: Path | None) -> CsvRules:
    """The rules in a file, or the built-in ones. Raises `ValueError`."""
    return CsvRules() if path is None else _parsed(CsvRules, _text_of(path), str(path))


def recipe_book(path: Path | None) -> RecipeBook:
    """The recipes in a file, or the packaged ones. Raises `ValueError`."""
    if path is None:
        packaged = resources.files("services.ingest").joinpath(_PACKAGED_RECIPES)
        return _parsed(RecipeBook, packaged.read_text("utf-8"), _PACKAGED_RECIPES)
    return _parsed(RecipeBook, _text_of(path), str(path))


def _text_of(path: Path) -> str:
    try:
        return path.read_text("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        raise ValueError(f"cannot read {path}: {reason}") from error


def _parsed(model: type[T], text: str, name: str) -> T:
    try:
        return model.model_validate_json(text)
    except ValidationError as error:
        problems = error.errors(include_url=False, include_input=False)
        said = "; ".join(_said(".".join(map(str, item["loc"])), item["msg"]) for item in problems[:_MAX_PROBLEMS])
        raise ValueError(f"{name}: {said}") from error


def _said(place: str, message: str) -> str:
    message = message.removeprefix("Value error, ")
    return f"{place}: {message}" if place else message
