"""docs/errors.md names every code that users can meet, and none that they cannot."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from services.ingest.domain.findings import FINDING_CODES, TOLERABLE
from shared.image_errors import IMAGE_ERROR_CODES

ROOT = Path(__file__).resolve().parents[2]
TEXT = (ROOT / "docs/errors.md").read_text("utf-8")
IMAGES, FINDINGS, PROBLEMS = TEXT.split("\n## ")[1:]

KEBAB = re.compile(r"[a-z]+(-[a-z]+)+")
BUILT_FROM_PARTS = {"unknown-request", "unknown-delivery"}
"""The notifier puts the second word in."""


def rows(section: str) -> dict[str, list[str]]:
    """The cells of each table row, by the code in the first."""
    lines = [line for line in section.splitlines() if line.startswith("| `")]
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    codes = [row[0].strip("`") for row in cells]
    assert len(codes) == len(set(codes)), "a code is documented twice"
    return dict(zip(codes, (row[1:] for row in cells), strict=True))


def modules_with_problems() -> Iterator[ast.Module]:
    for folder in ("services", "shared"):
        for path in sorted((ROOT / folder).rglob("*.py")):
            text = path.read_text("utf-8")
            if "shared.http.problems import" in text or path.name == "problems.py":
                yield ast.parse(text, str(path))


def looked_up(tree: ast.Module) -> set[int]:
    """Names of headers and the like: what is read with `.get("...")`, and the entries of dictionaries."""
    calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)]
    read = [id(argument) for call in calls if call.func.attr in {"get", "getlist"} for argument in call.args]  # type: ignore[attr-defined]  # filtered above
    tables = [node for node in ast.walk(tree) if isinstance(node, ast.Dict)]
    return {*read, *(id(entry) for table in tables for entry in (*table.keys, *table.values))}


def kinds_in_the_code() -> set[str]:
    """Every string that can be a problem's kind, in the modules that raise problems."""
    found = set()
    for tree in modules_with_problems():
        others = looked_up(tree)
        for node in ast.walk(tree):
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in others:
                found |= {node.value} if KEBAB.fullmatch(node.value) else set()
    return found


def kinds_of_nginx() -> set[str]:
    """The problems that nginx answers by itself."""
    return set(re.findall(r"urn:pixelmill:problem:([a-z-]+)", (ROOT / "deploy/nginx/nginx.conf").read_text("utf-8")))


def literal_statuses() -> Iterator[tuple[str, int]]:
    """Kind and status of each problem that is raised with both written out."""
    for tree in modules_with_problems():
        for node in ast.walk(tree):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "Problem":
                status, kind = [*node.args, None, None][:2]
                if isinstance(status, ast.Constant) and isinstance(kind, ast.Constant):
                    assert isinstance(kind.value, str)
                    assert isinstance(status.value, int)
                    yield kind.value, status.value


def test_every_code_of_an_image_is_documented_and_no_other() -> None:
    assert set(rows(IMAGES)) == set(IMAGE_ERROR_CODES)


def test_every_finding_in_a_csv_is_documented_and_no_other() -> None:
    assert set(rows(FINDINGS)) == set(FINDING_CODES)


def test_the_findings_marked_keep_are_those_that_are_tolerated() -> None:
    assert {code for code, cells in rows(FINDINGS).items() if "*keep*" in cells[0]} == TOLERABLE


def test_every_problem_is_documented_and_no_other() -> None:
    assert set(rows(PROBLEMS)) == kinds_in_the_code() | (kinds_of_nginx() - {"not-found"}) | BUILT_FROM_PARTS


@pytest.mark.parametrize(("kind", "status"), sorted(set(literal_statuses())))
def test_a_problem_has_the_status_that_is_documented(kind: str, status: int) -> None:
    assert rows(PROBLEMS)[kind][0] == str(status)


def test_every_code_says_what_to_do() -> None:
    for section in (IMAGES, FINDINGS, PROBLEMS):
        assert all(all(cells) for cells in rows(section).values())
