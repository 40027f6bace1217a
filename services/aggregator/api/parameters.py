"""The answers about parameters that are not valid."""

from typing import Final

from shared.http.problems import Problem

INVALID_PARAMETERS: Final = {422: ("invalid-parameters", "Parameters are not valid; `errors` names each.")}


def invalid_parameter(name: str, code: str, message: str) -> Problem:
    """The answer about a parameter that only its reader can judge."""
    errors = [{"column": name, "code": code, "message": message}]
    return Problem(422, "invalid-parameters", "Some parameters are not valid; see errors.", errors=errors)
