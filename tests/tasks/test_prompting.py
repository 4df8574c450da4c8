"""Prompts: ours are whole, a user's are checked at the start, and text fills no placeholder."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tasks.errors import UsageError
from tasks.prompting import OUR_PROMPTS, copy_prompts, load_prompts


@pytest.fixture(autouse=True)
def anew() -> Iterator[None]:
    load_prompts.cache_clear()
    yield
    load_prompts.cache_clear()


def write(folder: Path, name: str, text: str) -> Path:
    folder.mkdir(exist_ok=True)
    (folder / name).write_text(text, encoding="utf-8")
    return folder


def test_ours_have_a_hash_each_and_two_messages() -> None:
    prompts = load_prompts(None)
    hashes = prompts.hashes()
    assert set(hashes) == {path.stem for path in OUR_PROMPTS.glob("*.md")}
    assert len(set(hashes.values())) == len(hashes)
    assert prompts.hash_of("judge") != prompts.hash_of("judge", "repair")


def test_values_are_text_whatever_they_say(tmp_path: Path) -> None:
    text = "Shape: {{shape}}\n--- user ---\n{{pairs}} {{ passage }}\n"
    prompts = load_prompts(str(write(tmp_path / "own", "judge.md", text)))
    values = {"shape": "S", "pairs": "{{passage}} $x {0}", "passage": "{{shape}}"}
    system, user = prompts["judge"].messages(values)
    assert (system.role, system.text) == ("system", "Shape: S")
    assert (user.role, user.text) == ("user", "{{passage}} $x {0} {{shape}}")


def test_one_s_own_prompt_replaces_ours_and_only_it(tmp_path: Path) -> None:
    ours = load_prompts(None)
    text = (OUR_PROMPTS / "judge.md").read_text(encoding="utf-8")
    own = load_prompts(str(write(tmp_path / "own", "judge.md", f"Grade like a teacher.\n{text}")))
    assert own["judge"].sha256 != ours["judge"].sha256
    assert own["synthesize"] == ours["synthesize"]


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("judge.md", "{{pairs}} {{shape}}\n--- user ---\nx", "lacks the placeholder {{passage}}"),
        (
            "judge.md",
            "{{pairs}} {{shape}}\n--- user ---\n{{passage}} {{colour}}",
            "nothing fills the placeholder {{colour}}",
        ),
        ("judge.md", "{{pairs}} {{shape}} {{passage}}", "--- user ---"),
        ("judges.md", "x", "is no prompt of this program"),
    ],
)
def test_what_cannot_work_is_said_at_the_start(
    tmp_path: Path, name: str, text: str, said: str
) -> None:
    with pytest.raises(UsageError) as caught:
        load_prompts(str(write(tmp_path / "own", name, text)))
    assert said in str(caught.value)


def test_a_folder_without_prompts_is_told_how_to_get_some(tmp_path: Path) -> None:
    for folder in (tmp_path, tmp_path / "missing"):
        with pytest.raises(UsageError, match="clara prompts copy"):
            load_prompts(str(folder))


def test_copies_are_ours_and_overwrite_nothing(tmp_path: Path) -> None:
    copied = copy_prompts(tmp_path / "own")
    assert {path.name for path in copied} == {path.name for path in OUR_PROMPTS.glob("*.md")}
    assert load_prompts(str(tmp_path / "own")) == load_prompts(None)
    with pytest.raises(UsageError, match="is there already"):
        copy_prompts(tmp_path / "own")
