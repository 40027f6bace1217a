"""The command against a scripted server."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner, Result

from pixelmill.request_commands import register
from tests.scripted_server import ScriptedServer, scripted_server


class Command:
    """Runs `pixelmill ...` as a user would."""

    def __init__(self, server: ScriptedServer) -> None:
        self.server = server
        self.environment: dict[str, str | None] = {"PIXELMILL_URL": server.url, "NO_COLOR": "1", "COLUMNS": "200"}
        self._app = typer.Typer()
        register(self._app)

    def __call__(self, *arguments: str | Path) -> Result:
        return CliRunner().invoke(self._app, [str(argument) for argument in arguments], env=self.environment)


@pytest.fixture
def command() -> Iterator[Command]:
    with scripted_server() as server:
        yield Command(server)


@pytest.fixture
def csv(tmp_path: Path) -> Path:
    path = tmp_path / "catalogue.csv"
    path.write_text("Serial Number,Product Name,Image URLs\n1,Cup,http://shop.example/cup.jpg\n", "utf-8")
    return path
