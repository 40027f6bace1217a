"""One output CSV against the catalogue that was submitted: every row in order, every slot with its outcome."""

import csv
import io
import re
from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import urlsplit

from tests.chaos.catalogues import COLUMNS, Catalogue, Row, Slot
from tests.chaos.checker.evidence import Counts, Finding
from tests.chaos.source_pictures import Shape

OUTPUT_COLUMNS = (*COLUMNS, "Output Image URLs", "Image Statuses")


@dataclass(frozen=True)
class Output:
    """The output of one request as text."""

    request_id: str
    catalogue: Catalogue
    text: str
    aggregator_url: str

    def records(self) -> list[list[str]]:
        """All records, the header first."""
        return list(csv.reader(io.StringIO(self.text, newline="")))

    def counts(self) -> Counts:
        """How many slots say what."""
        statuses = [status for record in self.records()[1:] for status in record[-1].split(",") if record]
        succeeded, not_attempted = statuses.count("succeeded"), statuses.count("not_attempted")
        return Counts(len(statuses), succeeded, len(statuses) - succeeded - not_attempted, not_attempted)

    def findings(self) -> Iterator[Finding]:
        """Everything that is wrong with it."""
        header, *records = self.records() or [[]]
        if tuple(header) != OUTPUT_COLUMNS:
            yield self._wrong("rows", f"the header is {header}")
            return
        if len(records) != len(self.catalogue.rows):
            yield self._wrong("rows", f"{len(records)} rows instead of {len(self.catalogue.rows)}")
        for place, (record, row) in enumerate(zip(records, self.catalogue.rows, strict=False)):
            yield from (self._wrong(kind, f"row {place + 1}: {words}") for kind, words in self._row(record, row))

    def keys(self) -> dict[str, Shape]:
        """The object of each slot that succeeded, with what has to lie there."""
        found: dict[str, Shape] = {}
        for record, row in zip(self.records()[1:], self.catalogue.rows, strict=False):
            for url, slot in zip(record[-2].split(","), row.slots, strict=False):
                if self._is_ours(url, slot):
                    found[urlsplit(url).path.removeprefix("/v1/images/")] = slot.shape
        return found

    def _row(self, record: list[str], row: Row) -> Iterator[tuple[str, str]]:
        if len(record) != len(OUTPUT_COLUMNS) or record[:-2] != row.record:
            yield "rows", f"{record[:-2]} instead of {row.record}"
            return
        urls, statuses = record[-2].split(","), record[-1].split(",")
        if not len(urls) == len(statuses) == len(row.slots):
            yield "slots", f"{len(urls)} URLs and {len(statuses)} statuses for {len(row.slots)} images"
            return
        for place, (url, status, slot) in enumerate(zip(urls, statuses, row.slots, strict=True)):
            if status != slot.status:
                yield "outcomes", f"slot {place + 1} says {status} instead of {slot.status}: {slot.url}"
            elif slot.succeeds and not self._is_ours(url, slot):
                yield "slots", f"slot {place + 1} succeeded and has {url}"
            elif not slot.succeeds and url != slot.url.replace(",", "%2C"):
                yield "slots", f"slot {place + 1} failed and has {url} instead of {slot.url}"

    def _is_ours(self, url: str, slot: Slot) -> bool:
        """Whether it is the URL of a picture of this request, in the format of its source."""
        start = f"{self.aggregator_url}/v1/images/{self.request_id}/"
        end = rf"\d+/compressed\.{slot.shape.extension}\?s=[\w-]+"
        return url.startswith(start) and re.fullmatch(end, url.removeprefix(start)) is not None

    def _wrong(self, kind: str, words: str) -> Finding:
        return Finding(kind, f"output.csv of {self.request_id}: {words}")


def normalised(text: str, request_id: str, aggregator_url: str) -> str:
    """An output without what differs between two runs: the request's id, the signatures, our own address."""
    return re.sub(r"\?s=[\w-]+", "", text.replace(aggregator_url, "").replace(request_id, "<request>"))
