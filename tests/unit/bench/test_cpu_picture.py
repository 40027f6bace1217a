"""The picture of a benchmark's figures."""

from xml.etree import ElementTree

from bench.cpu_picture import picture

SVG = "{http://www.w3.org/2000/svg}"


def drawn(milliseconds: dict[str, float]) -> ElementTree.Element:
    # The picture is our own.
    return ElementTree.fromstring("\n".join(picture("<title>", milliseconds)))


def test_roles_stand_in_the_order_of_what_they_cost_and_sums_are_left_out() -> None:
    texts = [text.text for text in drawn({"s3": 2.0, "codec": 12.5, "supervisor": 0.0, "all": 14.5}).iter(f"{SVG}text")]
    assert texts == ["<title>", "codec", "12.50", "s3", "2.00"]


def test_bars_are_as_long_as_their_figures() -> None:
    bars = [float(bar.attrib["width"]) for bar in drawn({"codec": 12.0, "s3": 3.0}).iter(f"{SVG}rect")][1:]
    assert bars[0] == 4 * bars[1]
