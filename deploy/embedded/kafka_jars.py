"""The jars of Kafka: which they are, and whether those in a folder are the ones this project was tested with."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from deploy.embedded.errors import JarRefused

COMMITTED_LIST = Path(__file__).with_name("kafka_jars.sha256")


@dataclass(frozen=True)
class Jar:
    """One jar, by its Maven coordinates and the SHA-256 of its bytes."""

    coordinates: str
    sha256: str

    @property
    def filename(self) -> str:
        """The jar's name in the cache."""
        _, artifact, version = self.coordinates.split(":")
        return f"{artifact}-{version}.jar"


def committed_jars(listing: Path = COMMITTED_LIST) -> list[Jar]:
    """The jars that this project was tested with, one `sha256  group:artifact:version` a line."""
    lines = listing.read_text(encoding="ascii").splitlines()
    return [Jar(coordinates, sha256) for sha256, coordinates in (line.split() for line in lines)]


def missing_jars(jars: Sequence[Jar], folder: Path) -> list[Jar]:
    """The jars that are not there. One with other bytes is deleted and refused."""
    missing = [jar for jar in jars if not (folder / jar.filename).exists()]
    for jar in jars:
        if jar not in missing:
            check(jar, folder / jar.filename)
    return missing


def check(jar: Jar, path: Path) -> None:
    """Delete and refuse a file that is not this jar. The next start downloads it again."""
    with path.open("rb") as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()
    if found != jar.sha256:
        path.unlink()
        raise JarRefused(
            f"{path} was refused and deleted: its SHA-256 is {found}, it must be {jar.sha256}. "
            "The next start downloads it again."
        )
