"""Events of images for tests."""

from shared.events import ImageRequested
from shared.ids import Owner, RequestId
from tests.recipes import default_recipe


def image_requested() -> ImageRequested:
    """The one image of a request of one image."""
    return ImageRequested(
        request_id=RequestId("8d3f0b51-5d0c-4f3e-9f5a-0c4b7a1f2e11"),
        owner=Owner("local"),
        chunk=0,
        chunk_images=1,
        chunks_total=1,
        window=1,
        indexes=(0,),
        url="https://a.example/1.jpg",
        recipe=default_recipe(),
    )
