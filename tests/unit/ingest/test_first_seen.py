"""In which row a value came first."""

import random

from services.ingest.domain.first_seen import FirstSeen


def test_each_repeated_value_names_its_first_row() -> None:
    seen = FirstSeen()
    values: list[int | str] = [1, 2, 3, 2, 10, 5, 5, 10, 1, "a", "a", 2**80, 2**80]
    found = [seen.add(value, row) for row, value in enumerate(values, 1)]
    assert found == [None, None, None, 2, None, None, 6, 5, 1, None, 10, None, 12]


def test_it_agrees_with_a_dictionary() -> None:
    chance = random.Random(1)
    for _ in range(200):
        seen, known = FirstSeen(), dict[int, int]()
        value = 0
        for row in range(1, 200):
            value = value + 1 if chance.random() < 0.8 else chance.randint(0, 150)
            expected = known.get(value)
            known.setdefault(value, row)
            assert seen.add(value, row) == expected


def test_numbers_that_follow_are_remembered_like_others() -> None:
    seen = FirstSeen()
    assert not seen.follows("1", 1)
    assert seen.add(1, 1) is None
    assert [seen.follows("2", 2), seen.follows("3", 3), seen.follows("3", 4), seen.follows("5", 4)] == [
        True,
        True,
        False,
        False,
    ]
    assert (seen.add(2, 4), seen.add(3, 5), seen.add(4, 6)) == (2, 3, None)
    assert seen.follows("5", 7)
    assert not seen.follows("06", 8)
    assert seen.add(5, 9) == 7


def test_the_largest_number_is_followed_by_none() -> None:
    seen = FirstSeen()
    seen.add(2**63 - 2, 1)
    assert seen.follows(str(2**63 - 1), 2)
    assert not seen.follows(str(2**63), 3)
    assert seen.add(2**63, 3) is None
    assert seen.add(2**63, 4) == 3


def test_consecutive_numbers_cost_next_to_nothing() -> None:
    seen = FirstSeen()
    for number in range(1, 100_001):
        assert seen.add(number, number) is None
    assert seen.add(77_777, 100_001) == 77_777
    assert len(seen._firsts) == 1
