"""What the scaling benchmark makes of what it saw."""

from bench.scaling import report


def test_each_number_of_processors_is_compared_with_the_smallest() -> None:
    figures = {count: {"images_per_second": speed, "cpu_ms_per_image": 7.0} for count, speed in ((4, 147.2), (2, 80.0))}
    processors = report(figures)["processors"]
    assert processors == {
        "2": {"images_per_second": 80.0, "cpu_ms_per_image": 7.0, "times": 1.0},
        "4": {"images_per_second": 147.2, "cpu_ms_per_image": 7.0, "times": 1.84},
    }
