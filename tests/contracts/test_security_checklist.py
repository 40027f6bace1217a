"""The security checklist is complete: every line has tests that name it, and no test names a line that is none."""

from pathlib import Path

import pytest

from deploy.security_checklist import CLAIMS, UnreadableMark, checklist_table, shown_by_tests

ROOT = Path(__file__).resolve().parents[2]
SHOWN = shown_by_tests(ROOT)
SECTIONS = {"I": 15, "P": 23, "A": 8, "N": 16, "D": 5}


def test_the_checklist_has_all_of_its_lines() -> None:
    expected = [f"{section}{number + 1}" for section, count in SECTIONS.items() for number in range(count)]
    assert list(CLAIMS) == expected
    assert len(CLAIMS) == 67


def test_every_test_that_names_a_line_names_one_that_exists() -> None:
    assert not [shown for shown in SHOWN if shown.line not in CLAIMS]


def test_what_names_a_line_is_a_test() -> None:
    assert not [shown for shown in SHOWN if not shown.test.startswith("test_")]


@pytest.mark.parametrize("line", CLAIMS)
def test_every_line_has_a_test_that_names_it(line: str) -> None:
    assert [shown.test for shown in SHOWN if shown.line == line]


def test_the_table_has_a_row_for_every_line_with_its_files() -> None:
    rows = checklist_table(SHOWN).splitlines()[2:]
    assert [row.split(" | ")[0].strip("| ") for row in rows] == list(CLAIMS)
    assert "contracts/test_compose" in next(row for row in rows if row.startswith("| D4 "))


@pytest.mark.parametrize(
    "mark",
    [
        "pytestmark = pytest.mark.checklist('I1')",
        "LINE = 'I1'\n@pytest.mark.checklist(LINE)\ndef test_it(): pass",
        "@pytest.mark.checklist()\ndef test_it(): pass",
        "@pytest.mark.checklist\ndef test_it(): pass",
        "a = [pytest.param(1, marks=pytest.mark.checklist('I1'))]",
    ],
)
def test_a_mark_that_cannot_be_read_is_refused(tmp_path: Path, mark: str) -> None:
    (tmp_path / "tests").mkdir()
    (tmp_path / "tests/test_it.py").write_text(f"import pytest\n{mark}\n", "utf-8")
    with pytest.raises(UnreadableMark):
        shown_by_tests(tmp_path)


def test_marks_above_methods_and_coroutines_are_read(tmp_path: Path) -> None:
    (tmp_path / "tests").mkdir()
    text = "import pytest\nclass TestIt:\n  @pytest.mark.checklist('I1', 'P2')\n  async def test_it(self): pass\n"
    (tmp_path / "tests/test_it.py").write_text(text, "utf-8")
    assert [(shown.line, shown.test) for shown in shown_by_tests(tmp_path)] == [("I1", "test_it"), ("P2", "test_it")]
