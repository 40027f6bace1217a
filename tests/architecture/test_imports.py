"""The rules of the house: who may import whom, and who may read the environment."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SERVICES = ("ingest", "processor", "aggregator", "notifier")
IO_PACKAGES = {
    "aiohttp", "aiokafka", "asyncpg", "fastapi", "faust", "httpx2", "minio", "os", "pathlib", "random", "requests",
    "secrets", "socket", "subprocess", "time", "urllib3", "uvicorn",
}  # fmt: skip
PURE_SHARED = {"shared.events", "shared.ids", "shared.recipes", "shared.image_errors", "shared.errors", "shared.topics",
               "shared.request_files", "shared.object_keys", "shared.picture_urls",
               "shared.formula_cells", "shared.list_cursors"}  # fmt: skip


def modules(*folders: str) -> list[Path]:
    return sorted(path for folder in folders for path in (ROOT / folder).rglob("*.py"))


def name(path: Path) -> str:
    return str(path.relative_to(ROOT))


def imports(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module is not None:
            yield node.module


def service_of(module: str) -> str | None:
    parts = module.split(".")
    return parts[1] if parts[0] == "services" and len(parts) > 1 else None


@pytest.mark.parametrize("path", modules("services"), ids=name)
def test_a_service_imports_no_other_service(path: Path) -> None:
    own = path.relative_to(ROOT).parts[1]
    assert {service_of(module) for module in imports(path)} - {None, own} == set()


@pytest.mark.parametrize("path", modules("shared"), ids=name)
def test_shared_imports_no_service_and_no_command(path: Path) -> None:
    assert not [module for module in imports(path) if module.split(".")[0] in {"services", "pixelmill", "deploy"}]


@pytest.mark.parametrize("path", [p for p in modules("services") if "domain" in p.parts], ids=name)
def test_the_domain_does_no_io_and_reads_no_clock(path: Path) -> None:
    imported = set(imports(path))
    assert not {module for module in imported if module.split(".")[0] in IO_PACKAGES}
    foreign = {module for module in imported if module.startswith("shared")}
    assert not {module for module in foreign if not any(module.startswith(pure) for pure in PURE_SHARED)}


@pytest.mark.parametrize("path", [*modules("shared/events"), ROOT / "shared/topics.py"], ids=name)
def test_events_and_topics_import_only_pydantic(path: Path) -> None:
    foreign = {module.split(".")[0] for module in imports(path)} - {"shared", "pydantic"}
    assert foreign <= {"typing", "datetime", "dataclasses", "collections"}


@pytest.mark.parametrize("path", modules("services", "shared"), ids=name)
def test_only_main_reads_the_environment(path: Path) -> None:
    if path.name == "__main__.py":
        return
    tree = ast.parse(path.read_text("utf-8"))
    reads = [
        node.lineno
        for node in ast.walk(tree)
        if (isinstance(node, ast.Attribute) and node.attr in {"environ", "getenv"})
        or (
            isinstance(node, ast.Call)
            and isinstance(node.func, ast.Name)
            and node.func.id.endswith("Settings")
            and not node.args
            and not node.keywords
        )
    ]
    assert reads == []


@pytest.mark.parametrize("path", modules("services", "shared", "pixelmill", "deploy"), ids=name)
def test_no_file_is_named_after_nothing(path: Path) -> None:
    assert path.stem not in {"utils", "helpers", "common", "manager", "service", "models", "misc"}


@pytest.mark.parametrize("path", modules("services", "shared", "pixelmill", "deploy"), ids=name)
def test_modules_and_functions_stay_small(path: Path) -> None:
    text = path.read_text("utf-8")
    assert len(text.splitlines()) <= 250
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and not _wires_routes(node):
            lines = (node.end_lineno or node.lineno) - node.body[0].lineno + 1
            assert lines <= 30, f"{node.name} has {lines} lines"


def _wires_routes(node: ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    """A function whose body mostly defines others is a table, not a story."""
    return sum(isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef) for child in node.body) >= 2


@pytest.mark.parametrize("service", SERVICES)
def test_every_service_has_its_rooms(service: str) -> None:
    folder = ROOT / "services" / service
    assert (folder / "__main__.py").is_file()
    assert (folder / "settings.py").is_file()
    assert list(folder.glob("on_*.py"))
