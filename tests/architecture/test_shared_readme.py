"""`shared/README.md` lists what is there and who uses it, and the list is true."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SERVICES = ("ingest", "processor", "aggregator", "notifier")
ROW = re.compile(r"^\| `(\w+)` \| [^|]+ \| ([^|]+) \|$", re.MULTILINE)
LISTED = dict(ROW.findall((ROOT / "shared/README.md").read_text("utf-8")))
MODULES = {path.stem for path in (ROOT / "shared").iterdir() if path.suffix == ".py" or (path / "__init__.py").exists()}


def test_every_module_is_listed_and_nothing_else() -> None:
    assert set(LISTED) == MODULES - {"__init__"}


@pytest.mark.parametrize("module", sorted(LISTED))
def test_a_module_is_used_by_those_it_names(module: str) -> None:
    users = {"all": SERVICES}.get(LISTED[module].strip(), tuple(name.strip() for name in LISTED[module].split(",")))
    for user in users:
        if user in SERVICES:
            assert _imports(ROOT / "services" / user, f"shared.{module}"), f"services/{user} does not use it"


def _imports(folder: Path, module: str) -> bool:
    pattern = re.compile(rf"(from {re.escape(module)}[ .]|import {re.escape(module)})")
    return any(pattern.search(path.read_text("utf-8")) for path in folder.rglob("*.py"))
