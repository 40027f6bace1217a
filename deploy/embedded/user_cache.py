"""Where files that all stacks of a user share are kept: `XDG_CACHE_HOME`, `~/.cache`, else the stack's own home."""

import os
import tempfile
from collections.abc import Mapping
from pathlib import Path

from deploy.embedded.home import PRIVATE_FOLDER, Home


def cache_folder(name: str, home: Home, environment: Mapping[str, str]) -> Path:
    """A folder that exists and can be written: the user's if possible, else one in the home."""
    for base in user_caches(environment):
        folder = base / "pixelmill" / name
        if is_writable(folder):
            return folder
    return home.folder(f"cache/{name}")


def user_caches(environment: Mapping[str, str]) -> list[Path]:
    """Where the user wants caches, best first."""
    wanted = [environment.get("XDG_CACHE_HOME", "")]
    if environment.get("HOME"):
        wanted.append(str(Path(environment["HOME"]) / ".cache"))
    return [Path(place) for place in wanted if Path(place).is_absolute()]


def is_writable(folder: Path) -> bool:
    """Whether a file can be made in this folder, which is created when missing."""
    try:
        folder.mkdir(mode=PRIVATE_FOLDER, parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            return os.access(folder, os.R_OK)
    except OSError:
        return False
