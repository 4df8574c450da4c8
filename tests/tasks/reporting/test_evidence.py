from __future__ import annotations

from tasks.records import Evidence
from tasks.reporting.evidence import pieces


def _marked(text: str, *spans: tuple[int, int] | None) -> list[tuple[str, tuple[int, ...]]]:
    cut = pieces(text, [None if s is None else Evidence(start=s[0], end=s[1]) for s in spans])
    assert "".join(piece.text for piece in cut) == text
    return [(piece.text, piece.pairs) for piece in cut]


def test_offsets_count_code_points_beyond_the_basic_plane() -> None:
    text = "🔧先接地线👩‍🔧，再接电源。𠮷"

    assert _marked(text, (1, 5)) == [("🔧", ()), ("先接地线", (1,)), (text[5:], ())]
    assert _marked(text, (len(text) - 1, len(text)))[-1] == ("𠮷", (1,))


def test_overlapping_and_nested_spans_are_cut_at_every_border() -> None:
    assert _marked("abcdef", (0, 4), (2, 6), (2, 3)) == [
        ("ab", (1,)),
        ("c", (1, 2, 3)),
        ("d", (1, 2)),
        ("ef", (2,)),
    ]


def test_a_number_stands_where_its_evidence_ends() -> None:
    cut = pieces("abcdef", [Evidence(start=0, end=4), Evidence(start=2, end=4)])

    assert [(piece.text, piece.ending) for piece in cut] == [("ab", ()), ("cd", (1, 2)), ("ef", ())]


def test_evidence_outside_of_the_text_marks_nothing() -> None:
    assert _marked("abc", (1, 9), None, (2, 2)) == [("abc", ())]
    assert _marked("", (0, 1)) == []
