"""What libraries say when memory runs out."""

import pytest

from services.processor.codec.out_of_memory import as_memory_error


@pytest.mark.parametrize(
    "error",
    [
        OSError("out of memory error when reading image file"),
        OSError("encoder error -9 when writing image file"),
        ValueError("encoding error 1"),
        ValueError("encoding error 2"),
    ],
)
def test_every_way_to_say_it_becomes_a_memory_error(error: Exception) -> None:
    with pytest.raises(MemoryError), as_memory_error():
        raise error


@pytest.mark.parametrize("error", [OSError("broken data stream"), ValueError("encoding error 10")])
def test_other_errors_pass(error: Exception) -> None:
    with pytest.raises(type(error), match=str(error)), as_memory_error():
        raise error
