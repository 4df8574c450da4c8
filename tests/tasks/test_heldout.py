from __future__ import annotations

import random

import pytest

from tasks.heldout import held_out_paths, near_duplicate_groups, similarity, sketch

WORDS = [
    f"{a}{b}"
    for a in ("ka", "lo", "mi", "ru", "te", "vo")
    for b in ("ban", "dor", "fel", "gim", "nus")
]
HAN = "水泵压力温度阀门电机轴承密封流量管道安装维护检查更换螺栓法兰叶轮转速功率接线启动停止报警仪表"


def prose(key: str, words: int = 200) -> str:
    chance = random.Random(key)
    return " ".join(chance.choice(WORDS) for _ in range(words))


def chinese(key: str, characters: int = 300) -> str:
    chance = random.Random(key)
    return "".join(chance.choice(HAN) for _ in range(characters))


def edited(text: str, every: int) -> str:
    words = text.split()
    return " ".join("edited" if at % every == every - 1 else word for at, word in enumerate(words))


def corpus(count: int) -> dict[str, str]:
    return {f"doc{at:03}.txt": sketch(prose(f"document {at}")) for at in range(count)}


def test_a_sketch_never_changes() -> None:
    # Held-out membership rests on it: another value here moves documents between the sides.
    assert sketch("The pump delivers 12 bar. 水泵压力。")[:32] == "16d255dd95e56488162c819743bc02b4"
    assert len(sketch("one")) == 2048
    assert sketch("") == sketch(" \n—") == ""


def test_similarity_is_near_the_jaccard_similarity_of_the_shingles() -> None:
    text = prose("x", 2000)
    assert similarity(sketch(text), sketch(text)) == 1
    assert similarity(sketch(text), sketch(prose("y", 2000))) < 0.1
    half = sketch(text[: len(text) // 2])
    assert abs(similarity(sketch(text), half) - 0.5) < 0.15
    assert similarity(sketch(text), "") == 0


@pytest.mark.parametrize("text", [prose("base"), prose("base", 40)])
def test_copies_and_light_edits_are_one_group(text: str) -> None:
    sketches = {
        "b.txt": sketch(text),
        "a.txt": sketch(text.upper().replace(" ", "\n\n")),
        "c.txt": sketch(text + " appended"),
        "d.txt": sketch(prose("something else")),
    }
    assert near_duplicate_groups(sketches) == [("a.txt", "b.txt", "c.txt"), ("d.txt",)]


def test_chinese_in_both_scripts_is_one_group() -> None:
    text = chinese("基础")
    sketches = {
        "a": sketch(text),
        "b": sketch(text[:150] + "。\n" + text[150:] + "附录"),
        "c": sketch(text.replace("压", "壓").replace("电", "電").replace("机", "機")),
        "d": sketch(chinese("别的")),
    }
    assert near_duplicate_groups(sketches) == [("a", "b", "c"), ("d",)]


def test_shared_boilerplate_is_no_near_duplicate() -> None:
    notice = prose("notice", 300)
    sketches = {f"{at}": sketch(f"{notice} {prose(str(at), 200)}") for at in range(6)}
    assert len(near_duplicate_groups(sketches)) == 6


def test_a_series_of_revisions_stays_together() -> None:
    words = prose("manual", 400).split()
    revisions = {}
    for number in range(8):
        revisions[f"v{number}"] = sketch(" ".join(words))
        words[number * 20 : number * 20 + 20] = prose(f"rewritten {number}", 20).split()
    assert similarity(revisions["v0"], revisions["v7"]) < 0.75
    assert near_duplicate_groups(revisions | corpus(3))[-1] == tuple(sorted(revisions))


def test_texts_without_words_stand_alone() -> None:
    assert near_duplicate_groups({"a": "", "b": ""}) == [("a",), ("b",)]


def test_membership_does_not_move_when_other_documents_come_and_go() -> None:
    everything = corpus(120)
    split = held_out_paths(everything, 0.2, seed=1)
    assert 10 <= len(split.held_out) <= 40
    fewer = {path: value for path, value in everything.items() if int(path[3:6]) % 3}
    assert set(held_out_paths(fewer, 0.2, seed=1).held_out) == set(split.held_out) & set(fewer)
    reordered = dict(reversed(list(everything.items())))
    assert held_out_paths(reordered, 0.2, seed=1) == split
    assert held_out_paths(everything, 0.2, seed=2).held_out != split.held_out


def test_near_duplicates_are_on_one_side() -> None:
    sketches = corpus(30)
    for at in range(30):
        sketches[f"zz copy of {at}.txt"] = sketch(edited(prose(f"document {at}"), 60))
    split = held_out_paths(sketches, 0.3, seed=0)
    held = set(split.held_out)
    assert held
    for group in split.groups:
        assert len(group) == 2
        assert len(held & set(group)) in (0, 2)


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("fraction", [0.001, 0.1, 0.99])
def test_of_two_groups_one_is_held_out(seed: int, fraction: float) -> None:
    assert len(held_out_paths(corpus(2), fraction, seed).held_out) == 1


def test_one_document_or_one_group_is_never_held_out() -> None:
    assert held_out_paths({}, 0.5, 0).held_out == ()
    one = held_out_paths(corpus(1), 0.9, 0)
    assert one.held_out == ()
    assert "only one" in one.notices[0]
    text = prose("same")
    same = held_out_paths({"a": sketch(text), "b": sketch(text)}, 0.9, 0)
    assert same.held_out == ()
    assert "near-duplicates" in same.notices[0]


def test_fraction_zero_holds_out_nothing() -> None:
    split = held_out_paths(corpus(20), 0, 0)
    assert (split.held_out, split.notices) == ((), ())


def test_a_group_that_swallows_the_corpus_is_named() -> None:
    text = prose("form", 500)
    sketches = {f"form {at:03}": sketch(f"{text} {at}") for at in range(300)} | corpus(2)
    split = held_out_paths(sketches, 0.1, 0)
    assert len(split.groups) == 3
    assert "300 of 302 documents" in split.notices[0]
    # Where a group has to be chosen, it is not the one that leaves nothing to train on.
    for seed in range(8):
        assert len(held_out_paths(sketches, 1e-6, seed).held_out) == 1
