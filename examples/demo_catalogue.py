"""The demo's catalogue: what goes in, what has to come out, and reading what came out."""

import csv
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

CATALOGUE: Final = Path(__file__).parent / "catalogue.csv"
PLACEHOLDER: Final = "http://pictures.example"
EXPECTED_FAILURES: Final = {
    "/gone/sticker-back.png": "http_404",
    "/pages/about-eyes.html": "unsupported_format",
}

_BEFORE_A_URL: Final = re.compile(r",(?=https?://)")


@dataclass(frozen=True)
class Slot:
    """One image of the output CSV; `output_url` is empty when there is no compressed picture."""

    row: int
    product: str
    source_url: str
    output_url: str
    status: str

    @property
    def succeeded(self) -> bool:
        return self.status == "succeeded"


def write_catalogue(path: Path, picture_server: str) -> None:
    """Write the catalogue with the address of the picture server in it."""
    path.write_text(CATALOGUE.read_text("utf-8").replace(PLACEHOLDER, picture_server), "utf-8")


def read_slots(output_csv: Path) -> list[Slot]:
    """All images of an output CSV, in order."""
    with output_csv.open(encoding="utf-8", newline="") as file:
        return [slot for number, row in enumerate(csv.DictReader(file), start=1) for slot in _slots(number, row)]


def surprises(slots: Iterable[Slot]) -> list[str]:
    """Whatever is not as it has to be, in words."""
    return [
        f"row {slot.row}, {slot.source_url}: {slot.status} instead of {_expected(slot)}"
        for slot in slots
        if slot.status != _expected(slot)
    ]


def _expected(slot: Slot) -> str:
    known = (code for path, code in EXPECTED_FAILURES.items() if slot.source_url.endswith(path))
    return next(known, "succeeded")


def _slots(number: int, row: dict[str, str]) -> list[Slot]:
    sources = _BEFORE_A_URL.split(row["Image URLs"])
    outputs = row["Output Image URLs"].split(",")
    statuses = row["Image Statuses"].split(",")
    return [
        Slot(number, row["Product Name"], source, output if status == "succeeded" else "", status)
        for source, output, status in zip(sources, outputs, statuses, strict=True)
    ]
