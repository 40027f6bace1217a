"""CSVs as they are written: in the input's dialect, in one pass, with checksums of what lies in storage."""

import json
from collections.abc import Sequence
from hashlib import sha256

import pytest

from services.aggregator.adapters.s3_outputs import S3Outputs
from services.aggregator.domain.merged_rows import ImageOutcome
from services.aggregator.request_end import WrittenCsvs
from shared import object_keys
from shared.ids import RequestId
from shared.object_memory import MemoryObjects
from shared.object_store import READ_BYTES
from shared.request_files import CsvShape, ManifestImage, RequestFile
from tests.unit.aggregator.fakes import REQUEST, request_file

BUCKET = "requests"


class Outcomes:
    """Result rows by index; every index in `failing` failed."""

    def __init__(self, images: int, failing: Sequence[int] = ()) -> None:
        self._images = images
        self._failing = failing

    async def after(self, request_id: RequestId, index: int, *, limit: int) -> Sequence[ImageOutcome]:
        return [self._outcome(each) for each in range(index + 1, min(index + 1 + limit, self._images))]

    def _outcome(self, index: int) -> ImageOutcome:
        if index in self._failing:
            return ImageOutcome(index, "failed", "timeout", {})
        return ImageOutcome(index, "succeeded", None, {"compressed": f"{REQUEST}/{index}/compressed.jpg"})


async def write(
    data: bytes, shape: CsvShape, rows: Sequence[int], *, failing: Sequence[int] = ()
) -> tuple[WrittenCsvs, bytes, bytes | None]:
    """Write the CSVs of an input whose image `i` stands in row `rows[i]`; return what lies in storage."""
    written, store = await stored(data, shape, rows, failing=failing)
    output = store.objects[BUCKET, object_keys.output_csv(REQUEST)]
    return written, output, store.objects.get((BUCKET, object_keys.failures_csv(REQUEST)))


async def stored(
    data: bytes, shape: CsvShape, rows: Sequence[int], *, failing: Sequence[int] = ()
) -> tuple[WrittenCsvs, MemoryObjects]:
    file = request_file(images=len(rows)).model_copy(update={"csv": shape})
    store = MemoryObjects()
    store.objects[BUCKET, object_keys.input_csv(REQUEST)] = data
    for chunk in range(file.chunks_total):
        store.objects[BUCKET, object_keys.manifest_chunk(REQUEST, chunk)] = _manifest(file, chunk, rows)
    outputs = S3Outputs(store, BUCKET, Outcomes(len(rows), failing), picture_url=lambda key: f"https://p/{key}")
    return await outputs.write(file, with_failures=bool(failing)), store


def _manifest(file: RequestFile, chunk: int, rows: Sequence[int]) -> bytes:
    first = chunk * file.chunk_size
    lines = [
        ManifestImage(
            index=index, row=rows[index], line=1, slot=0, serial_number="", product_name="", url=f"http://h/{index}"
        ).model_dump_json()
        for index in range(first, first + file.images_in_chunk(chunk))
    ]
    return "\n".join(lines).encode()


def shape(**changes: object) -> CsvShape:
    columns = ("S", "N", "U")
    return CsvShape.model_validate(
        {"columns": columns, "serial_column": 0, "name_column": 1, "urls_column": 2, **changes}
    )


async def test_both_files_and_their_checksums() -> None:
    data = b"S,N,U\n1,=cup,http://h/0\n2,pot,http://h/1\n"
    written, output, failures = await write(data, shape(), [1, 2], failing=[1])
    assert output.decode() == (
        "S,N,U,Output Image URLs,Image Statuses\n"
        f"1,'=cup,http://h/0,https://p/{REQUEST}/0/compressed.jpg,succeeded\n"
        "2,pot,http://h/1,http://h/1,timeout\n"
    )
    assert failures == b"S,N,U,Output Image URLs,Image Statuses\n2,pot,http://h/1,http://h/1,timeout\n"
    assert written == WrittenCsvs(sha256(output).hexdigest(), sha256(failures).hexdigest(), {"h": 1})


async def test_the_result_of_each_image_is_written_last_and_writing_it_twice_writes_the_same() -> None:
    data = b"S,N,U\n1,cup,http://h/0\n2,pot,http://h/1\n"
    _, store = await stored(data, shape(), [1, 2], failing=[1])
    lines = store.objects[BUCKET, object_keys.results(REQUEST)].decode().splitlines()
    assert [json.loads(line) for line in lines] == [
        {"index": 0, "outcome": "succeeded", "keys": {"compressed": f"{REQUEST}/0/compressed.jpg"}},
        {"index": 1, "outcome": "failed", "keys": {}},
    ]
    written = [key for _, key in store.objects][-3:]
    assert written == [
        each(REQUEST) for each in (object_keys.failures_csv, object_keys.output_csv, object_keys.results)
    ]
    _, again = await stored(data, shape(), [1, 2], failing=[1])
    assert again.objects == store.objects


async def test_nothing_failed_means_no_failures_file() -> None:
    written, _, failures = await write(b"S,N,U\n1,a,u\n", shape(), [1])
    assert (written.failures_sha256, failures) == (None, None)


@pytest.mark.parametrize("line_ending", ["\n", "\r\n", "\r"])
async def test_dialect_encoding_and_mark_are_those_of_the_input(line_ending: str) -> None:
    text = line_ending.join(["S;N;U", "1;Kännchen;u", "", '2;"zwei\nZeilen; und mehr";u', ""])
    for encoding, bom in (("utf-8", True), ("cp1252", False)):
        mark = "\ufeff" if bom else ""
        fitting = shape(encoding=encoding, bom=bom, delimiter=";", line_ending=line_ending)
        _, output, _ = await write((mark + text).encode(encoding), fitting, [1, 2])
        lines = output.decode(encoding).split(line_ending)
        assert lines[0] == f"{mark}S;N;U;Output Image URLs;Image Statuses"
        assert lines[1].startswith("1;Kännchen;u;https://p/")
        assert lines[2] == ""
        assert "zwei\nZeilen; und mehr" in output.decode(encoding)


@pytest.mark.parametrize("order", ["le", "be"])
async def test_utf_16_is_read_and_written_as_utf_8_with_a_mark(order: str) -> None:
    data = "\ufeffS\tN\tU\r\n1\tKännchen 🫖\tu\r\n".encode(f"utf-16-{order}")
    fitting = shape(encoding="utf-16", bom=True, delimiter="\t", line_ending="\r\n")
    _, output, _ = await write(data, fitting, [1])
    assert output.decode("utf-8").split("\r\n")[:2] == [
        "\ufeffS\tN\tU\tOutput Image URLs\tImage Statuses",
        f"1\tKännchen 🫖\tu\thttps://p/{REQUEST}/0/compressed.jpg\tsucceeded",
    ]


async def test_failures_that_are_posted_back_come_out_with_fresh_columns_and_the_same_cells() -> None:
    data = b"S,N,U,X\n1,=cup,http://h/0,'=x\n2,pot,http://h/1,y\n"
    _, _, failures = await write(data, shape(columns=("S", "N", "U", "X")), [1, 2], failing=[0])
    assert failures is not None
    assert failures.decode().splitlines()[1] == "1,'=cup,http://h/0,''=x,http://h/0,timeout"
    again = ("S", "N", "U", "X", "Output Image URLs", "Image Statuses")
    _, output, same = await write(failures, shape(columns=again), [1], failing=[0])
    assert output == same == failures


async def test_pieces_may_end_anywhere() -> None:
    images = 25_000
    data = "S,N,U\r\n" + "".join(f'{row},"Ünïcode ""{row}""\r\n second line",u\r\n' for row in range(1, images + 1))
    assert len(data.encode()) > READ_BYTES
    written, output, _ = await write(data.encode(), shape(line_ending="\r\n"), range(1, images + 1))
    assert output.count(b"second line") == images
    assert output.endswith(b"/24999/compressed.jpg,succeeded\r\n")
    assert written.output_sha256 == sha256(output).hexdigest()


async def test_a_cell_that_ingest_takes_in_an_output_posted_back_is_read() -> None:
    outputs = ",".join(["http://h/0"] * 20_000)
    data = f'S,N,U,Output Image URLs,Image Statuses\n1,a,http://h/0,"{outputs}",timeout\n'.encode()
    columns = ("S", "N", "U", "Output Image URLs", "Image Statuses")
    _, output, _ = await write(data, shape(columns=columns), [1], failing=[0])
    assert output.decode().splitlines()[1] == "1,a,http://h/0,http://h/0,timeout"
