"""Whatever is uploaded: it is read to an end, it says the same however it is cut, and what is taken comes back."""

import asyncio
from collections.abc import Sequence
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from services.aggregator.adapters.s3_outputs import S3Outputs
from services.aggregator.domain.merged_rows import ImageOutcome
from services.ingest.domain.csv_intake import CsvIntake
from services.ingest.domain.csv_rules import CsvRules
from services.ingest.domain.manifest import ManifestChunk, read_manifest_chunk
from services.ingest.domain.options import SubmitOptions
from services.ingest.domain.request_terms import request_file
from shared import object_keys
from shared.formula_cells import neutralised, restored
from shared.ids import LOCAL_OWNER, RequestId
from shared.object_memory import MemoryObjects
from shared.request_files import ManifestImage, RequestFile
from tests.fuzz.hostile_csvs import ANY_FILES, CELLS, Sent, cut_anywhere, good_files
from tests.unit.ingest.fakes import LIMITS, NOON, RECIPES, REQUEST, new_intake

RULES = CsvRules(max_record_chars=1000, max_rows=20, max_urls_per_row=3, max_url_length=60)
BUCKET = "requests"


def read(sent: Sent, pieces: Sequence[bytes], rules: CsvRules) -> tuple[CsvIntake, list[ManifestChunk]]:
    intake = new_intake(rules=rules, encoding=sent.encoding)
    chunks = [chunk for piece in pieces for chunk in intake.feed(piece)]
    return intake, chunks + intake.finish()


def told(intake: CsvIntake, chunks: list[ManifestChunk]) -> tuple[Any, ...]:
    found = (intake.findings.listed, intake.findings.total, intake.rows, intake.images)
    return *found, intake.encoding, intake.bom, intake.dialect, chunks


@given(sent=ANY_FILES, data=st.data())
def test_a_file_says_the_same_wherever_it_is_cut(sent: Sent, data: st.DataObject) -> None:
    whole = told(*read(sent, [sent.data], RULES))
    assert told(*read(sent, data.draw(cut_anywhere(sent.data)), RULES)) == whole
    bytewise = [sent.data[place : place + 1] for place in range(len(sent.data))]
    assert told(*read(sent, bytewise, RULES)) == whole


@given(sent=ANY_FILES)
def test_a_file_has_findings_or_images_and_its_messages_are_short_and_printable(sent: Sent) -> None:
    intake, chunks = read(sent, [sent.data], CsvRules())
    assert intake.findings.total or chunks
    assert all(len(item.message) < 2000 and item.message.isprintable() for item in intake.findings.listed)


@given(cell=CELLS | st.text())
def test_any_cell_is_harmless_when_it_goes_out_and_itself_when_it_comes_back(cell: str) -> None:
    assert restored(neutralised(cell)) == cell
    assert not neutralised(cell).strip().startswith(("=", "+", "-", "@"))


@given(sent=good_files())
def test_what_is_taken_is_written_by_the_finisher_and_comes_in_again_as_it_was(sent: Sent) -> None:
    intake, chunks = read(sent, [sent.data], CsvRules())
    if intake.is_refused(keep=True):
        return
    first = agreed(intake)
    outputs = asyncio.run(finished(first, sent.data, chunks))
    for name in (object_keys.output_csv, object_keys.failures_csv):
        again, chunks_again = read(
            sent._replace(encoding=intake.encoding), [outputs[BUCKET, name(REQUEST)]], CsvRules()
        )
        assert (again.findings.listed, again.rows) == (intake.findings.listed, rows_with_images(chunks, name, intake))
        assert said(chunks_again) == said(chunks)


def agreed(intake: CsvIntake) -> RequestFile:
    options = SubmitOptions()
    return request_file(
        REQUEST, LOCAL_OWNER, intake=intake, options=options, recipe=RECIPES.recipe(options), limits=LIMITS,
        accepted_at=NOON,
    )  # fmt: skip


def images(chunks: Sequence[ManifestChunk]) -> list[ManifestImage]:
    return [image for chunk in chunks for image in read_manifest_chunk(chunk.body)]


def said(chunks: Sequence[ManifestChunk]) -> list[tuple[str, str, str]]:
    return [(image.serial_number, image.product_name, image.url) for image in images(chunks)]


def rows_with_images(chunks: Sequence[ManifestChunk], name: object, intake: CsvIntake) -> int:
    """All rows are in the output; in failures.csv, where everything failed, those that have an image."""
    return len({image.row for image in images(chunks)}) if name is object_keys.failures_csv else intake.rows


class AllFailed:
    def __init__(self, count: int) -> None:
        self._count = count

    async def after(self, _request_id: RequestId, index: int, *, limit: int) -> Sequence[ImageOutcome]:
        last = min(index + 1 + limit, self._count)
        return [ImageOutcome(each, "failed", "http_404", {}) for each in range(index + 1, last)]


async def finished(request: RequestFile, data: bytes, chunks: Sequence[ManifestChunk]) -> dict[tuple[str, str], bytes]:
    store = MemoryObjects()
    store.objects[BUCKET, object_keys.input_csv(REQUEST)] = data
    for chunk in chunks:
        store.objects[BUCKET, object_keys.manifest_chunk(REQUEST, chunk.number)] = chunk.body
    outputs = S3Outputs(store, BUCKET, AllFailed(request.images_total), picture_url=str)
    await outputs.write(RequestFile.model_validate_json(request.model_dump_json()), with_failures=True)
    return store.objects
