"""The committed documents are the ones that the code describes."""

import pytest

from deploy.docs import ROOT, asyncapi, documents


@pytest.mark.parametrize("path", sorted(documents()))
def test_the_committed_document_is_current(path: str) -> None:
    assert (ROOT / path).read_text("utf-8") == documents()[path], "run `make docs` and commit the result"


def test_every_message_of_the_asyncapi_document_has_its_schema() -> None:
    document = asyncapi()
    for message in document["components"]["messages"].values():
        assert (ROOT / "docs/contracts" / message["payload"]["$ref"]).is_file()
