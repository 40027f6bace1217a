"""How an object of unknown length is stored: by one put, or by an upload once it is no longer small."""

import asyncio
import io

import pytest

from shared.object_pipe import PipedUpload
from shared.object_writing import HELD_BYTES, GrowingObject


class Places:
    """Takes what is put, and what is uploaded in a thread."""

    def __init__(self) -> None:
        self.put: list[bytes] = []
        self.uploaded: list[bytes] = []
        self.uploads_begun = 0
        self.fails = False

    async def store(self, data: bytes) -> None:
        self.put.append(data)

    def begin(self) -> PipedUpload:
        self.uploads_begun += 1
        return PipedUpload(self._upload)

    async def _upload(self, reader: io.RawIOBase) -> None:
        if self.fails:
            raise OSError("the server is gone")
        self.uploaded.append(await asyncio.to_thread(reader.read, -1) or b"")


@pytest.fixture
def places() -> Places:
    return Places()


@pytest.fixture
def growing(places: Places) -> GrowingObject:
    return GrowingObject(places.store, places.begin)


async def write(growing: GrowingObject, size: int) -> None:
    for start in range(0, size, 1_000_000):
        await growing.write(b"x" * min(1_000_000, size - start))


async def test_a_small_object_is_put_whole_and_nothing_is_uploaded(places: Places, growing: GrowingObject) -> None:
    await growing.write(b"a" * (HELD_BYTES - 1))
    await growing.write(b"b")
    await growing.finish()
    assert places.put == [b"a" * (HELD_BYTES - 1) + b"b"]
    assert places.uploads_begun == 0


async def test_an_object_of_nothing_is_put_too(places: Places, growing: GrowingObject) -> None:
    await growing.finish()
    assert places.put == [b""]


async def test_a_larger_object_is_uploaded_in_order_and_nothing_is_put(places: Places, growing: GrowingObject) -> None:
    pieces = [bytes([number]) * 300_000 for number in range(9)]
    for piece in pieces:
        await growing.write(piece)
    await growing.finish()
    assert (places.put, places.uploaded, places.uploads_begun) == ([], [b"".join(pieces)], 1)


@pytest.mark.parametrize("size", [0, 1, HELD_BYTES + 1, 9 * HELD_BYTES])
async def test_an_object_given_up_is_neither_put_nor_uploaded(
    places: Places, growing: GrowingObject, size: int
) -> None:
    await write(growing, size)
    await growing.abort()
    assert (places.put, places.uploaded) == ([], [])


async def test_an_upload_that_fails_is_reported_and_never_waited_on(places: Places, growing: GrowingObject) -> None:
    places.fails = True
    with pytest.raises(OSError, match="the server is gone"):
        await write(growing, 64 * HELD_BYTES)
    with pytest.raises(OSError, match="the server is gone"):
        await growing.finish()
