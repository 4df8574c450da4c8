from __future__ import annotations

from clara_model.data.selection import select_documents


def test_without_positives_the_first_are_taken() -> None:
    assert select_documents(5, None, 3, key="a") == ((0, 1, 2), None)
    assert select_documents(2, None, 3, key="a") == ((0, 1), None)


def test_a_row_that_fits_keeps_its_order() -> None:
    assert select_documents(3, [2, 1], 3, key="a") == ((0, 1, 2), (2, 1))


def test_positives_are_among_those_taken_in_an_order_that_the_key_decides() -> None:
    places = set()
    for number in range(40):
        chosen = select_documents(20, [17], 5, key=f"row {number}")
        assert chosen == select_documents(20, [17], 5, key=f"row {number}")
        assert sorted(chosen.positions) == [0, 1, 2, 3, 17]
        assert chosen.positives is not None
        assert chosen.positions[chosen.positives[0]] == 17
        places.add(chosen.positives[0])
    assert places == {0, 1, 2, 3, 4}


def test_of_too_many_positives_the_first_are_taken() -> None:
    chosen = select_documents(6, [5, 1, 3], 2, key="a")
    assert sorted(chosen.positions) == [1, 5]
    assert chosen.positives is not None
    assert [chosen.positions[at] for at in chosen.positives] == [5, 1]
