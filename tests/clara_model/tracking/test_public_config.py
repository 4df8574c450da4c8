"""What leaves the machine of a configuration."""

from __future__ import annotations

from pathlib import Path

import pytest

from clara_model.tracking.public_config import public_config
from clara_model.training.config import TrainConfig


def test_options_pass_nested_as_they_are() -> None:
    config = {
        "learning_rate": 1e-4,
        "max_micro_batch_tokens": 16384,
        "separator": True,
        "dtype": "bfloat16",
        "base_model": "Qwen/Qwen3-4B-Instruct-2507",
        "stages": ["compression", "end_to_end"],
        "model": {"top_k": 5},
    }
    assert public_config(config) == config


@pytest.mark.parametrize("name", ["api_key", "WANDB_API_KEY", "hf_token", "password", "secret"])
def test_secrets_stay_by_their_name(name: str) -> None:
    assert public_config({name: "abcdef", "inner": {name: 5}}) == {"inner": {}}


@pytest.mark.parametrize(
    "text",
    [
        "Where does the pump stand?",
        "压力容器的阀门由黄铜制成",
        "https://user:pass@example.org/data",
        "someone@example.org",
        "x" * 200,
        "",
    ],
)
def test_text_that_is_no_word_stays(text: str) -> None:
    assert public_config({"note": text, "list": [text, 3]}) == {"list": [3]}


@pytest.mark.parametrize(
    "path",
    [
        "/home/someone/models/tiny",
        Path("/home/someone/models/tiny"),
        "../someone/tiny",
        "a/b/tiny/",
    ],
)
def test_of_a_path_only_the_last_name_goes(path: str | Path) -> None:
    assert public_config({"base_model": path}) == {"base_model": "tiny"}


def test_a_real_configuration() -> None:
    config = TrainConfig(data="/home/someone/dataset", output=Path("/home/someone/out"))
    sent = public_config(config.model_dump())
    assert sent["data"] == "dataset" and sent["output"] == "out"
    assert sent["compression"]["sample_answer_tokens"] == 64
    assert "someone" not in str(sent)
