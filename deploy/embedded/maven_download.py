"""Downloads jars through jgo: `python -m deploy.embedded.maven_download FOLDER GROUP:ARTIFACT:VERSION...`.

A program of its own, so that the supervisor never carries jgo and what jgo imports. What it brings is not
trusted: the caller compares the SHA-256 of each jar.
"""

import shutil
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from jgo.constants import MAVEN_CENTRAL_URL
from jgo.maven import MavenContext
from requests import RequestException

DOWNLOADS_AT_ONCE = 8
ATTEMPTS = 3


def resolve(coordinates: str, draft: Path) -> Path:
    """Download one jar, with a few attempts, and return where it is."""
    group, artifact, version = coordinates.split(":")
    attempt = 1
    while True:
        # A broken download leaves a part of a file behind, so each attempt has a folder of its own.
        context = MavenContext(repo_cache=draft / str(attempt), remote_repos={"central": MAVEN_CENTRAL_URL})
        try:
            return Path(context.project(group, artifact).at_version(version).artifact().resolve())
        except (RequestException, RuntimeError) as error:
            if attempt == ATTEMPTS:
                sys.exit(f"could not download {coordinates}: {type(error).__name__}")
            attempt += 1


def download(folder: Path, coordinates: list[str]) -> None:
    """Download all jars side by side; each comes into the folder whole."""
    with (
        tempfile.TemporaryDirectory(dir=folder, prefix=".download-") as draft,
        ThreadPoolExecutor(DOWNLOADS_AT_ONCE) as pool,
    ):
        for path in pool.map(lambda each: resolve(each, Path(draft)), coordinates):
            shutil.move(path, folder / path.name)


if __name__ == "__main__":
    try:
        download(Path(sys.argv[1]), sys.argv[2:])
    except OSError as problem:
        sys.exit(f"could not download to {sys.argv[1]}: {problem.strerror or type(problem).__name__}")
