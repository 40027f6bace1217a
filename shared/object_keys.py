"""Where the objects of a request lie. Keys are deterministic: doing a thing twice writes the same object."""

from shared.ids import RequestId


def request_object(request_id: RequestId) -> str:
    return f"{request_id}/request.json"


def input_csv(request_id: RequestId) -> str:
    return f"{request_id}/input.csv"


def manifest_chunk(request_id: RequestId, chunk: int) -> str:
    return f"{request_id}/manifest/{chunk}.jsonl"


def output_csv(request_id: RequestId) -> str:
    return f"{request_id}/output.csv"


def failures_csv(request_id: RequestId) -> str:
    return f"{request_id}/failures.csv"


def results(request_id: RequestId) -> str:
    """The result of each image; it is written last of what an end leaves behind, so that the rest is there with it."""
    return f"{request_id}/results.jsonl"


def image(request_id: RequestId, index: int, *, rendition: str, extension: str) -> str:
    """The key of one rendition, in the bucket of images."""
    return f"{request_id}/{index}/{rendition}.{extension}"
