"""Writes output.csv, failures.csv and results.jsonl: streamed from the input, the manifest and the results, in bounded
memory.

The rows are made in a thread, so that the event loop stays free; reading and writing happen on the loop.
Each file that is being written holds a thread of the store: see `FILES_AT_ONCE`.
"""

import asyncio
import codecs
import csv
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from io import StringIO
from itertools import chain
from typing import NamedTuple, Protocol

from services.aggregator.adapters.object_sinks import CsvSink, TextSink
from services.aggregator.adapters.s3_requests import ReadableObjects, S3Requests
from services.aggregator.adapters.thread_bridge import ThreadBridge
from services.aggregator.domain.completion import most_frequent_first
from services.aggregator.domain.merged_rows import ImageOutcome, MergedRow, Misaligned, host_of, is_blank, merged
from services.aggregator.domain.output_csv import OutputTable
from services.aggregator.domain.result_lines import result_line
from services.aggregator.request_end import WrittenCsvs
from shared import object_keys
from shared.ids import RequestId
from shared.object_store import ObjectWriter
from shared.request_files import CsvShape, ManifestImage, RequestFile

RESULTS_A_READ = 2000
HOSTS_KEPT = 100
LONGEST_CELL = 2**31 - 1
FILES_AT_ONCE = 3
CSV_TYPE = "text/csv"
RESULTS_TYPE = "application/jsonl"


class OrderedResults(Protocol):
    async def after(self, request_id: RequestId, index: int, *, limit: int) -> Sequence[ImageOutcome]: ...


class Objects(ReadableObjects, Protocol):
    def writing(self, bucket: str, key: str, *, content_type: str) -> AbstractAsyncContextManager[ObjectWriter]: ...


class Sinks(NamedTuple):
    """Where the files of one end go, used in the thread."""

    output: CsvSink
    failures: CsvSink | None
    results: TextSink

    @property
    def csvs(self) -> list[CsvSink]:
        return [sink for sink in (self.output, self.failures) if sink is not None]


class S3Outputs:
    def __init__(
        self,
        store: Objects,
        bucket: str,
        results: OrderedResults,
        *,
        picture_url: Callable[[str], str],
    ) -> None:
        self._store = store
        self._bucket = bucket
        self._requests = S3Requests(store, bucket)
        self._results = results
        self._picture_url = picture_url
        # Its own, since large requests hold a thread for minutes: the loop's are for looking up hosts.
        self._threads = ThreadPoolExecutor(thread_name_prefix="csv")

    async def write(self, request: RequestFile, *, with_failures: bool) -> WrittenCsvs:
        """Raises `RequestGone` and `RequestDamaged`: then nothing is written."""
        async with AsyncExitStack() as opened:
            bridge = ThreadBridge()
            # Opened first, it is closed last: where it lies, the CSVs do.
            results = TextSink(
                await self._writer(opened, object_keys.results(request.request_id), RESULTS_TYPE), bridge
            )
            output = await self._open(opened, object_keys.output_csv(request.request_id), request.csv, bridge)
            failures = None
            if with_failures:
                key = object_keys.failures_csv(request.request_id)
                failures = await self._open(opened, key, request.csv, bridge)
            hosts = await self._written(request, bridge, Sinks(output, failures, results))
        return WrittenCsvs(output.sha256, failures.sha256 if failures else None, hosts)

    async def _written(self, request: RequestFile, bridge: ThreadBridge, sinks: Sinks) -> dict[str, int]:
        loop = asyncio.get_running_loop()
        try:
            return await loop.run_in_executor(self._threads, self._write_rows, request, bridge, sinks)
        except (UnicodeError, csv.Error, Misaligned) as error:
            # Ingest has read the input to its end and numbered it: it was another file then, or another manifest.
            key = object_keys.input_csv(request.request_id)
            raise self._requests.damaged(request.request_id, key, why=str(error)) from error

    async def _open(self, opened: AsyncExitStack, key: str, shape: CsvShape, bridge: ThreadBridge) -> CsvSink:
        written = written_as(shape)
        writer = await self._writer(opened, key, f"{CSV_TYPE}; charset={written.encoding}")
        return CsvSink(writer, bridge, written)

    async def _writer(self, opened: AsyncExitStack, key: str, content_type: str) -> ObjectWriter:
        return await opened.enter_async_context(self._store.writing(self._bucket, key, content_type=content_type))

    def _write_rows(self, request: RequestFile, bridge: ThreadBridge, sinks: Sinks) -> dict[str, int]:
        records = _records(bridge.pulled(self._requests.input(request.request_id)), request.csv)
        table = OutputTable(
            next(filter(None, records), []),
            renditions=[rendition.name for rendition in request.recipe.renditions],
            failed_slots=request.failed_slots,
            needed=(request.csv.serial_column, request.csv.name_column, request.csv.urls_column),
        )
        for sink in sinks.csvs:
            sink.write(table.header())
        hosts: Counter[str] = Counter()
        for row in self._merged(request, records, bridge, results=sinks.results):
            _write_row(row, table, sinks)
            hosts.update(host_of(slot.url) for slot in row.slots if slot.outcome == "failed")
        for each in (*sinks.csvs, sinks.results):
            each.flush()
        return most_frequent_first(dict(hosts.most_common(HOSTS_KEPT)))

    def _merged(
        self, request: RequestFile, records: Iterator[Sequence[str]], bridge: ThreadBridge, *, results: TextSink
    ) -> Iterator[MergedRow]:
        return merged(
            records,
            chain.from_iterable(bridge.pulled(self._manifest(request))),
            _noted(chain.from_iterable(bridge.pulled(self._outcomes(request.request_id))), results),
            picture_url=self._picture_url,
        )

    async def _manifest(self, request: RequestFile) -> AsyncIterator[Sequence[ManifestImage]]:
        for chunk in range(request.chunks_total):
            images = await self._requests.manifest(request.request_id, chunk)
            if len(images) != request.images_in_chunk(chunk):
                key = object_keys.manifest_chunk(request.request_id, chunk)
                raise self._requests.damaged(request.request_id, key, why=f"has {len(images)} images")
            yield images

    async def _outcomes(self, request_id: RequestId) -> AsyncIterator[Sequence[ImageOutcome]]:
        index = -1
        while batch := await self._results.after(request_id, index, limit=RESULTS_A_READ):
            yield batch
            index = batch[-1].index


def written_as(shape: CsvShape) -> CsvShape:
    """How the output is written: as the input, but what was UTF-16 becomes UTF-8 with a mark, which Excel reads too."""
    if shape.encoding == "utf-16":
        return shape.model_copy(update={"encoding": "utf-8", "bom": True})
    return shape


def _noted(outcomes: Iterable[ImageOutcome], results: TextSink) -> Iterator[ImageOutcome]:
    """Write the line of each outcome as it passes."""
    for outcome in outcomes:
        results.add(result_line(outcome))
        yield outcome


def _write_row(row: MergedRow, table: OutputTable, sinks: Sinks) -> None:
    cells = [] if is_blank(row.cells) else table.row(row.cells, row.slots)
    sinks.output.write(cells)
    if sinks.failures is not None and row.has_failures:
        sinks.failures.write(cells)


def _records(pieces: Iterable[bytes], shape: CsvShape) -> Iterator[list[str]]:
    # Whatever ingest has taken is read; it takes longer cells than `csv` does in outputs that are posted back.
    csv.field_size_limit(LONGEST_CELL)
    return csv.reader(_lines(pieces, shape.encoding), delimiter=shape.delimiter)


def _lines(pieces: Iterable[bytes], encoding: str) -> Iterator[str]:
    """Physical lines with their endings, whichever of the three those are."""
    decoder = codecs.getincrementaldecoder(encoding)()
    rest, is_first = "", True
    for piece in pieces:
        rest += decoder.decode(piece)
        if is_first and rest:
            rest, is_first = rest.removeprefix("\ufeff"), False
        # The end of the piece may be in the middle of a line, or between the two characters of its ending.
        complete = max(rest.rfind("\n"), rest.rfind("\r", 0, -1)) + 1
        yield from StringIO(rest[:complete], newline="")
        rest = rest[complete:]
    yield from StringIO(rest + decoder.decode(b"", final=True), newline="")
