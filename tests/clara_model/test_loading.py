from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from transformers import AutoConfig, AutoModelForCausalLM

from clara_model import Clara, ClaraConfig
from clara_model.config import resolve_stage
from clara_model.errors import BaseModelError, ConfigError
from clara_model.loading import load_base, resolve_device, resolve_dtype
from tests.support.tiny_models import tiny_base


def test_a_folder_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(BaseModelError, match="the folder does not exist"):
        load_base(tmp_path / "none")


def test_a_folder_without_a_model(tmp_path: Path) -> None:
    with pytest.raises(BaseModelError, match=r"no config\.json"):
        load_base(tmp_path)


def test_pickled_weights_are_not_read(tmp_path: Path) -> None:
    base = tiny_base(tmp_path / "base")
    (base / "model.safetensors").unlink()
    torch.save({}, base / "pytorch_model.bin")
    with pytest.raises(BaseModelError, match="safetensors only"):
        load_base(base)


def test_damaged_weights(tmp_path: Path) -> None:
    base = tiny_base(tmp_path / "base")
    weights = base / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:1000])
    with pytest.raises(BaseModelError, match="cannot be read"):
        load_base(base)


def test_weights_that_are_not_complete(tmp_path: Path) -> None:
    from safetensors.torch import load_file, save_file

    base = tiny_base(tmp_path / "base")
    weights = load_file(base / "model.safetensors")
    weights.pop("model.layers.1.mlp.up_proj.weight")
    save_file(weights, base / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(BaseModelError, match=r"1 are missing.*layers\.1\.mlp\.up_proj"):
        load_base(base)


def test_code_of_a_model_repository_is_not_run(tmp_path: Path) -> None:
    base = tiny_base(tmp_path / "base")
    config = json.loads((base / "config.json").read_text())
    config["model_type"] = "evil"
    config["auto_map"] = {"AutoConfig": "evil.Evil", "AutoModelForCausalLM": "evil.Evil"}
    (base / "config.json").write_text(json.dumps(config))
    (base / "evil.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'w')\n")
    with pytest.raises(BaseModelError):
        load_base(base)
    assert not (tmp_path / "ran").exists()


def test_a_hub_that_cannot_be_reached_is_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    with pytest.raises(BaseModelError, match="HF_ENDPOINT"):
        load_base("no-one/no-such-model")


def test_a_base_that_bends_its_logits_is_refused(tmp_path: Path) -> None:
    base = tiny_base(tmp_path / "base")
    config = AutoConfig.for_model(
        "gemma2",
        vocab_size=444,
        hidden_size=64,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        head_dim=16,
        final_logit_softcapping=1.0,
        initializer_range=0.5,
    )
    AutoModelForCausalLM.from_config(config).save_pretrained(base)
    with pytest.raises(BaseModelError, match="changes its logits"):
        load_base(base, attention="eager")


def test_what_this_machine_lacks_is_said(tmp_path: Path) -> None:
    base = tiny_base(tmp_path / "base")
    with pytest.raises(ConfigError, match="works on CUDA only"):
        load_base(base, quantization="nf4")
    if not torch.cuda.is_available():
        with pytest.raises(ConfigError, match="no CUDA device"):
            resolve_device("cuda")
        with pytest.raises(ConfigError, match="flash-attn"):
            load_base(base, attention="flash_attention_2")


def test_precision_on_a_cpu(monkeypatch: pytest.MonkeyPatch) -> None:
    cpu = torch.device("cpu")
    assert resolve_dtype("float16", cpu) == torch.float16
    monkeypatch.setattr("clara_model.loading.cpu_has_bfloat16", lambda: True)
    assert resolve_dtype("auto", cpu) == torch.bfloat16
    monkeypatch.setattr("clara_model.loading.cpu_has_bfloat16", lambda: False)
    assert resolve_dtype("auto", cpu) == torch.float32


def test_eager_attention_computes_the_same(tmp_path: Path) -> None:
    base = tiny_base(tmp_path / "base")
    config = ClaraConfig(doc_max_length=64, compression_rate=16, lora_r=4)
    ids = torch.tensor([[424, 4, 30, 31, 32, 33, 5]])
    fast = Clara.from_base(base, config).compress(ids, torch.ones_like(ids)).memory
    eager = Clara.from_base(base, config, attention="eager")
    assert torch.allclose(fast, eager.compress(ids, torch.ones_like(ids)).memory, atol=1e-5)


def test_names_and_shapes_that_cannot_be() -> None:
    aliases = ("stage1", "stage2", "e2e", "stage3", "stage2_reasoning")
    names = ["compression", "instruction", "end_to_end", "end_to_end", "reasoning"]
    assert [resolve_stage(alias) for alias in aliases] == names
    with pytest.raises(ConfigError, match="'stage4' is no stage"):
        resolve_stage("stage4")
    with pytest.raises(ValueError, match="leaves no memory token"):
        ClaraConfig(doc_max_length=64, compression_rate=128)


@pytest.mark.parametrize("device", ["foo", "cuda:x", "cpu:7", ""])
def test_a_device_that_is_none_is_a_sentence(device: str) -> None:
    with pytest.raises(ConfigError, match=f"device '{device}' is unknown: choose auto"):
        resolve_device(device)


def test_a_model_that_is_no_decoder_is_told_from_a_damaged_one(tmp_path: Path) -> None:
    from transformers import BertConfig, BertModel

    base = tiny_base(tmp_path / "base")
    config = BertConfig(
        vocab_size=64,
        hidden_size=16,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=16,
        is_decoder=True,
    )
    BertModel(config).save_pretrained(base)
    with pytest.raises(BaseModelError, match=r"is no causal decoder \(its config.json says Bert"):
        load_base(base)
