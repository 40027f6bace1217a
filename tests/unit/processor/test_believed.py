"""Answers of a process that a picture may have taken over."""

import json
from collections.abc import Iterator
from dataclasses import asdict, replace
from typing import Any

import pytest

from services.processor.codec.believed import MAX_MESSAGE, MOST_BYTES_BESIDE, believed
from services.processor.codec.job import MAX_SIDE, Answer, Compressed, Failed, Job, Made, Order, Refused, SourcePicture
from services.processor.codec.memory_file import MemoryFile

HASH = "ab" * 32
SOURCE = SourcePicture("jpeg", 4, 3, 9, HASH)
MADE = Made("jpeg", 4, 3, 5, HASH)
TRUTH = Compressed(SOURCE, (MADE,), None)
MORE_THAN_A_PICTURE = MOST_BYTES_BESIDE + 100


@pytest.fixture
def output() -> Iterator[MemoryFile]:
    with MemoryFile("output") as file:
        file.write(b"12345")
        yield file


@pytest.fixture
def job(output: MemoryFile) -> Iterator[Job]:
    with MemoryFile("source") as source:
        source.write(b"123456789")
        yield Job(source.descriptor, 100, (Order("keep", 50, output.descriptor),))


def said(answer: Answer) -> bytes:
    return json.dumps(asdict(answer)).encode()


@pytest.mark.parametrize(
    "answer",
    [TRUTH, Refused("corrupt_image", "It is damaged."), Failed("KeyError\n")],
    ids=["made", "refused", "failed"],
)
def test_what_a_codec_of_ours_says_is_believed(job: Job, answer: Answer) -> None:
    assert believed(said(answer), job) == answer


@pytest.mark.checklist("P14")
@pytest.mark.parametrize(
    "answer",
    [
        replace(TRUTH, made=()),
        replace(TRUTH, made=(MADE, MADE)),
        replace(TRUTH, source=replace(SOURCE, width=-4)),
        replace(TRUTH, source=replace(SOURCE, width=MAX_SIDE + 1, height=1)),
        replace(TRUTH, source=replace(SOURCE, width=10**4000)),
        replace(TRUTH, source=replace(SOURCE, width=11, height=10)),
        replace(TRUTH, source=replace(SOURCE, bytes=8)),
        replace(TRUTH, source=replace(SOURCE, sha256="\r\nX-Mine: 1")),
        replace(TRUTH, made=(replace(MADE, height=0),)),
        replace(TRUTH, made=(replace(MADE, bytes=6),)),
        replace(TRUTH, made=(replace(MADE, sha256=HASH + "\n"),)),
        Refused("corrupt_image", "a\0b"),
        Refused("corrupt_image", "one line\nand another"),
        Refused("corrupt_image", "\u202egnp.exe"),
        Refused("corrupt_image", "x" * (MAX_MESSAGE + 1)),
        Failed("x" * 60_000),
        Failed("\u202egnp.exe"),
        Refused("cancelled", "Never."),  # type: ignore[arg-type]  # as nonsense is
    ],
    ids=[
        "too few",
        "too many",
        "less than nothing",
        "too long a side",
        "a number without end",
        "too many pixels",
        "another source",
        "no hash",
        "no height",
        "another size",
        "a hash and more",
        "a zero byte",
        "two lines",
        "letters that turn the text",
        "a novel",
        "an error without end",
        "letters that turn the log",
        "a code of others",
    ],
)
def test_what_none_of_ours_says_is_not_believed(job: Job, answer: Answer) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - what it says is for nobody
        believed(said(answer), job)


@pytest.mark.checklist("P14")
@pytest.mark.parametrize("nonsense", [b"", b"ready 6", b"[]", b"{}", b"{" * 60_000, b"\xff"])
def test_what_is_no_answer_at_all_is_not_believed(job: Job, nonsense: bytes) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - what it says is for nobody
        believed(nonsense, job)


@pytest.mark.checklist("P14")
def test_a_rendition_without_end_is_not_believed(job: Job, output: MemoryFile) -> None:
    output.write(b"x" * (MORE_THAN_A_PICTURE - output.length))
    with pytest.raises(ValueError):  # noqa: PT011 - what it says is for nobody
        believed(said(replace(TRUTH, made=(replace(MADE, bytes=output.length),))), job)


@pytest.mark.checklist("P14")
def test_another_format_than_was_ordered_is_not_believed(job: Job) -> None:
    ordered: Any = replace(job.orders[0], format="webp")
    with pytest.raises(ValueError):  # noqa: PT011 - what it says is for nobody
        believed(said(TRUTH), replace(job, orders=(ordered,)))
