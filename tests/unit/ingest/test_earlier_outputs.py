"""An output of ours that is posted back: what has succeeded is not fetched again."""

import pytest

from services.aggregator.domain.output_csv import STATUSES_COLUMN as WRITTEN_STATUSES
from services.aggregator.domain.output_csv import OutputTable, Slot, csv_line
from services.ingest.domain.csv_intake import CsvIntake
from services.ingest.domain.earlier_outputs import OUTPUT_COLUMN, STATUSES_COLUMN
from services.ingest.domain.manifest import read_manifest_chunk
from services.ingest.domain.records import MAX_CELL_CHARS
from shared.events import CarriedRendition, CarryOver
from shared.formula_cells import neutralised, restored
from shared.picture_urls import PictureUrls
from shared.request_files import ManifestImage
from tests.unit.ingest.fakes import PICTURES, taken

OLD = "0b9c1d5e-7f1a-4f53-8a10-1d2a7f7f2a11"
BAD = Slot("https://a.example/gone,1.jpg", "failed", "http_404", {})
COLUMNS = ["Serial Number", "Product Name", "Image URLs"]


def key(index: int, rendition: str = "compressed", extension: str = "jpg") -> str:
    return f"{OLD}/{index}/{rendition}.{extension}"


def good(index: int, *renditions: str) -> Slot:
    names = renditions or ("compressed",)
    urls = {name: PICTURES.url(key(index, name)) for name in names}
    return Slot(f"https://a.example/{index},x.jpg", "succeeded", None, urls)


def carried(index: int, *renditions: str) -> CarryOver:
    names = renditions or ("compressed",)
    found = tuple(CarriedRendition(name=name, key=key(index, name)) for name in names)
    return CarryOver(request_id=OLD, index=index, renditions=found)


def written(*rows: list[Slot], renditions: tuple[str, ...] = ("compressed",), name: str = "Lamp") -> str:
    """What the aggregator writes for rows with these slots."""
    table = OutputTable(COLUMNS, renditions=renditions, failed_slots="keep_url")
    lines = [table.header()]
    for number, slots in enumerate(rows, 1):
        lines.append(table.row([str(number), name, ",".join(slot.url for slot in slots)], slots))
    return "".join(csv_line(cells, delimiter=",", line_ending="\n") for cells in lines)


def read(text: str, **options: object) -> tuple[CsvIntake, list[ManifestImage]]:
    intake, chunks = taken(text, step=None, **{"picture_key": PICTURES.key_of, **options})
    assert intake.findings.listed == []
    return intake, [image for chunk in chunks for image in read_manifest_chunk(chunk.body)]


def test_slots_that_succeeded_are_carried_over_and_failed_ones_are_not() -> None:
    intake, images = read(written([good(4), BAD, good(5)], [BAD]))
    assert [image.carry_over for image in images] == [carried(4), None, carried(5), None]
    assert images[1].url == "https://a.example/gone,1.jpg"
    assert intake.carried_over == 2


def test_every_rendition_of_the_recipe_must_be_there() -> None:
    both = ("compressed", "thumbnail")
    text = written([good(4, *both), good(5), BAD], renditions=both)
    _, images = read(text, renditions=both)
    assert [image.carry_over for image in images] == [carried(4, *both), None, None]
    _, images = read(written([good(4)]), renditions=both)
    assert [image.carry_over for image in images] == [None]
    _, images = read(text, renditions=("compressed",))
    assert [image.carry_over for image in images] == [carried(4), carried(5), None]


def test_a_url_that_is_not_signed_by_us_is_fetched_again() -> None:
    foreign = PictureUrls("http://pictures.example", b"another key, of others")
    slots = [Slot("https://a.example/1.jpg", "succeeded", None, {"compressed": foreign.url(key(1))})]
    assert read(written(slots))[1][0].carry_over is None
    assert read(written([good(1)]), picture_key=None)[1][0].carry_over is None


def test_renditions_of_two_images_in_one_slot_are_not_carried_over() -> None:
    both = ("compressed", "thumbnail")
    urls = {"compressed": PICTURES.url(key(1)), "thumbnail": PICTURES.url(key(2, "thumbnail"))}
    _, images = read(
        written([Slot("https://a.example/1.jpg", "succeeded", None, urls)], renditions=both), renditions=both
    )
    assert images[0].carry_over is None


def test_a_rendition_in_the_column_of_another_is_not_carried_over() -> None:
    urls = {"compressed": PICTURES.url(key(1, "thumbnail"))}
    assert read(written([Slot("https://a.example/1.jpg", "succeeded", None, urls)]))[1][0].carry_over is None


def test_a_row_with_other_slots_than_before_is_fetched_again() -> None:
    text = written([good(1), good(2)]).replace("https://a.example/2,x.jpg", "")
    assert [image.carry_over for image in read(text)[1]] == [None]


def test_a_status_that_was_emptied_means_fetch_it_again() -> None:
    text = written([good(1), good(2)]).replace("succeeded,succeeded", "succeeded,")
    assert [image.carry_over for image in read(text)[1]] == [carried(1), None]


@pytest.mark.parametrize("status", ["succeeded", " Succeeded ", "succeeded (kept_original)"])
def test_a_success_is_known_with_its_note(status: str) -> None:
    text = written([good(1)]).replace("succeeded", status)
    assert read(text)[1][0].carry_over == carried(1)


def test_columns_that_only_look_alike_are_further_columns() -> None:
    header = f"{','.join(COLUMNS)},{OUTPUT_COLUMN}\n"
    _, images = read(f"{header}1,'=a,https://a.example/1.jpg,{PICTURES.url(key(1))}\n")
    assert (images[0].carry_over, images[0].product_name) == (None, "'=a")


@pytest.mark.checklist("A4")
@pytest.mark.parametrize("name", ["=1+1", "'=x", "' -1", "@a", "'Tis", "''x", "-", "plain"])
def test_names_come_back_as_they_were_however_often_they_go_round(name: str) -> None:
    for _ in range(3):
        _, images = read(written([good(1)], name=name))
        assert images[0].product_name == name


@pytest.mark.checklist("A4")
@pytest.mark.parametrize("cell", ["=1", "'=1", "' =1", "''+", "\t", "'", "''", "'a", " =", " '=", "", "a'="])
def test_what_the_output_neutralises_is_restored(cell: str) -> None:
    assert restored(neutralised(cell)) == cell


def test_the_columns_are_called_as_the_output_calls_them() -> None:
    assert OutputTable([], renditions=["compressed"], failed_slots="empty").header() == [
        OUTPUT_COLUMN,
        WRITTEN_STATUSES,
    ]
    assert WRITTEN_STATUSES == STATUSES_COLUMN


def test_an_output_that_is_larger_than_its_input_might_be_comes_in_again() -> None:
    # 255 columns of the user's, a cell as long as cells may be, and a thousand slots of long URLs with commas.
    further = [f"Column {number}" for number in range(252)]
    url = "https://a.example/" + "," * 100
    slots = [Slot(f"{url}{number}.jpg", "failed", "http_404", {}) for number in range(999)] + [good(999)]
    longest = "=" + "x" * (MAX_CELL_CHARS - 1)
    table = OutputTable([*COLUMNS, *further, "Note"], renditions=["compressed"], failed_slots="keep_url")
    row = table.row(["1", "Lamp", ",".join(slot.url for slot in slots), *["y"] * 252, longest], slots)
    assert len(row) == 258
    assert len(row[-2]) > MAX_CELL_CHARS
    text = "".join(csv_line(cells, delimiter=",", line_ending="\n") for cells in (table.header(), row))
    intake, images = read(text, chunk_size=1000, max_images=2000)
    assert (len(images), intake.carried_over) == (1000, 1)
    assert images[0].url == slots[0].url
    assert images[999].carry_over == carried(999)


def test_columns_beside_the_output_are_counted_as_ever() -> None:
    columns = [*COLUMNS, *(f"Column {number}" for number in range(254)), OUTPUT_COLUMN, STATUSES_COLUMN]
    intake, _ = taken(",".join(columns) + "\n" + ",".join(["1"] * len(columns)) + "\n")
    assert [finding.code for finding in intake.findings.listed] == ["too_many_columns"]
    alone = [*COLUMNS, *(f"Column {number}" for number in range(253)), STATUSES_COLUMN]
    intake, _ = taken(",".join(alone) + "\n" + ",".join(["1"] * len(alone)) + "\n")
    assert [finding.code for finding in intake.findings.listed] == ["too_many_columns"]
