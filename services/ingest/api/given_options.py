"""Options as they arrive: query parameters and form fields, each at most once."""

from collections.abc import Iterable, Sequence
from typing import Final

from pydantic import ValidationError

from services.ingest.domain.findings import escaped
from services.ingest.domain.options import SubmitOptions
from services.ingest.domain.url_cell import UrlProblem
from shared.http.problems import Problem

KIND: Final = "invalid-options"


class GivenOptions:
    """Collects options and judges them; what is wrong is a `Problem` with status 422."""

    def __init__(self, query: Iterable[tuple[str, str]], *, recipes: Sequence[str], url_problem: UrlProblem) -> None:
        self._recipes = recipes
        self._url_problem = url_problem
        self._given: dict[str, str] = {}
        for name, value in query:
            self.add(name, value)

    def add(self, name: str, value: str) -> None:
        if name not in SubmitOptions.model_fields:
            known = ", ".join(SubmitOptions.model_fields)
            raise refused(name, "unknown_option", f"There is no such option. Options are {known}.")
        if name in self._given:
            raise refused(name, "duplicate_option", "The option is given more than once.")
        self._given[name] = value

    def parsed(self) -> SubmitOptions:
        """All options given so far, the others with their defaults."""
        try:
            options = SubmitOptions.model_validate(self._given)
        except ValidationError as error:
            raise _invalid(error) from error
        if options.recipe not in self._recipes:
            message = f"There is no such recipe. Recipes are {', '.join(self._recipes)}."
            raise refused("recipe", "unknown_recipe", message)
        problem = None if options.callback_url is None else self._url_problem(options.callback_url)
        if problem is not None:
            raise refused("callback_url", "invalid_url", problem)
        return options


def refused(option: str, code: str, message: str) -> Problem:
    return _problem([{"row": None, "line": None, "column": escaped(option), "code": code, "message": message}])


def _invalid(error: ValidationError) -> Problem:
    return _problem(
        [
            {"row": None, "line": None, "column": str(item["loc"][0]), "code": item["type"], "message": item["msg"]}
            for item in error.errors(include_url=False, include_input=False, include_context=False)
        ]
    )


def _problem(errors: list[dict[str, str | None]]) -> Problem:
    detail = "Some options are not valid; see errors. Nothing was accepted."
    return Problem(422, KIND, detail, errors=errors, errors_total=len(errors))
