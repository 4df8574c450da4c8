"""A base model from its folder: on which device, in which precision, with which attention.

Only safetensors are read and no code of a model repository is run.
"""

from __future__ import annotations

import logging
import re
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from clara_model.config import Attention, DType, Quantization
from clara_model.errors import BaseModelError, ConfigError

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerFast

log = logging.getLogger(__name__)
HALF = (torch.bfloat16, torch.float16)
_DEVICES = re.compile(r"cpu(:0)?|cuda(:\d{1,3})?|mps(:0)?")


def resolve_device(device: str | torch.device = "auto") -> torch.device:
    """`auto` is CUDA, then MPS, then the CPU. Raises ConfigError for one that is not here."""
    if str(device) != "auto":
        if not _DEVICES.fullmatch(str(device)):
            raise ConfigError(
                f"device {str(device)!r} is unknown: choose auto, cpu, cuda, cuda:N or mps."
            )
        chosen = torch.device(device)
        if chosen.type == "cuda" and not torch.cuda.is_available():
            raise ConfigError(f"device {device} was asked for, but torch sees no CUDA device here.")
        if chosen.type == "cuda" and (chosen.index or 0) >= torch.cuda.device_count():
            raise ConfigError(
                f"device {device} was asked for, but torch sees {torch.cuda.device_count()} CUDA "
                "device(s) here, counted from 0."
            )
        if chosen.type == "mps" and not torch.backends.mps.is_available():
            raise ConfigError(f"device {device} was asked for, but torch sees no MPS device here.")
        return chosen
    if torch.cuda.is_available():
        return torch.device("cuda")
    return torch.device("mps" if torch.backends.mps.is_available() else "cpu")


def resolve_dtype(dtype: DType, device: torch.device) -> torch.dtype:
    """`auto` is bfloat16 where it is native, float16 on older CUDA (T4), else float32."""
    if dtype != "auto":
        return getattr(torch, dtype)
    if device.type == "cuda":
        native = torch.cuda.is_bf16_supported(including_emulation=False)
        return torch.bfloat16 if native else torch.float16
    if device.type == "mps":
        return torch.bfloat16 if _mps_has_bfloat16() else torch.float32
    return torch.bfloat16 if cpu_has_bfloat16() else torch.float32


def cpu_has_bfloat16() -> bool:
    """Whether this CPU multiplies bfloat16 matrices in hardware (AVX-512 BF16, AMX)."""
    return bool(
        torch.cpu._is_avx512_bf16_supported()
        or (hasattr(torch.cpu, "_is_amx_tile_supported") and torch.cpu._is_amx_tile_supported())
    )


def _mps_has_bfloat16() -> bool:
    try:
        square = torch.ones(2, 2, dtype=torch.bfloat16, device="mps")
        return bool((square @ square).float().sum() == 8)
    except (RuntimeError, TypeError):  # macOS before 14
        return False


def load_base(
    base: str | Path,
    *,
    device: str | torch.device = "cpu",
    dtype: DType = "float32",
    attention: Attention = "auto",
    quantization: Quantization = "none",
) -> tuple[PreTrainedModel, PreTrainedTokenizerFast]:
    """The causal language model and the tokenizer in `base`, a folder or a hub name.

    Raises BaseModelError where it is not there, holds no safetensors, has no fast tokenizer or is
    of a kind that CLaRa cannot use; ConfigError for a device or precision that is not here.
    """
    from safetensors import SafetensorError
    from transformers import AutoModelForCausalLM, AutoTokenizer
    from transformers.utils import logging as transformers_logging

    place = resolve_device(device)
    precision = resolve_dtype(dtype, place)
    how: dict[str, Any] = {
        "dtype": precision,
        "attn_implementation": _attention(attention, place, precision),
        "use_safetensors": True,
        "trust_remote_code": False,
    }
    if quantization != "none":
        how["quantization_config"] = _quantized(quantization, place, precision)
        how["device_map"] = {"": place}
    showed_bars = transformers_logging.is_progress_bar_enabled()
    transformers_logging.disable_progress_bar()
    try:
        tokenizer = AutoTokenizer.from_pretrained(str(base), trust_remote_code=False)
        model, found = AutoModelForCausalLM.from_pretrained(
            str(base), output_loading_info=True, **how
        )
    except (OSError, ValueError, KeyError, ImportError, RuntimeError, SafetensorError) as error:
        raise BaseModelError(_why_not(base, error)) from error
    finally:
        if showed_bars:
            transformers_logging.enable_progress_bar()
    lost = sorted({*found["missing_keys"], *(str(key) for key in found["mismatched_keys"])})
    if lost and not _says_causal(model):
        raise BaseModelError(
            f"The base {base} is no causal decoder (its config.json says "
            f"{', '.join(model.config.architectures)}): choose one that continues text, such as "
            "Qwen3, Mistral, Llama or Phi."
        )
    if lost:
        # transformers would draw them at random, and say so in a warning.
        raise BaseModelError(
            f"The weights of the base {base} are not complete: {len(lost)} are missing or of "
            f"another shape than its config.json says ({lost[0]} ...). Fetch the model again."
        )
    if not tokenizer.is_fast:
        raise BaseModelError(
            f"The base {base} has no fast tokenizer (tokenizer.json): choose a base that has one."
        )
    if quantization == "none":
        model.to(place)
    model.eval()
    _check_head(model, base)
    return model, tokenizer


def _says_causal(model: PreTrainedModel) -> bool:
    names = model.config.architectures or []
    return not names or any("CausalLM" in name for name in names)


def _attention(attention: Attention, device: torch.device, dtype: torch.dtype) -> str:
    if attention == "auto":
        flash = device.type == "cuda" and dtype in HALF and find_spec("flash_attn") is not None
        return "flash_attention_2" if flash else "sdpa"
    if attention == "flash_attention_2" and find_spec("flash_attn") is None:
        raise ConfigError(
            "attention flash_attention_2 was asked for, but flash-attn is not installed: "
            "`pip install flash-attn --no-build-isolation` on a CUDA machine, or use sdpa."
        )
    return attention


def _quantized(quantization: Quantization, device: torch.device, dtype: torch.dtype) -> Any:
    if device.type != "cuda":
        raise ConfigError(
            f"quantization {quantization} works on CUDA only, and this would run on "
            f"{device.type}: leave it out, or choose a smaller base."
        )
    if find_spec("bitsandbytes") is None:
        raise ConfigError(
            f"quantization {quantization} needs bitsandbytes: `uv pip install bitsandbytes`."
        )
    from transformers import BitsAndBytesConfig

    if quantization == "int8":
        return BitsAndBytesConfig(load_in_8bit=True)
    return BitsAndBytesConfig(
        load_in_4bit=True,
        bnb_4bit_quant_type="nf4",
        bnb_4bit_use_double_quant=True,
        bnb_4bit_compute_dtype=dtype,
    )


def _why_not(base: str | Path, error: Exception) -> str:
    folder = Path(base).expanduser()
    if folder.is_dir():
        if not (folder / "config.json").is_file():
            return f"The folder {base} holds no base model: there is no config.json in it."
        if not list(folder.glob("*.safetensors")):
            return (
                f"The folder {base} has no *.safetensors: weights are read from safetensors only. "
                "Save the model once with transformers' save_pretrained."
            )
        return f"The base model in {base} cannot be read: {_first_line(error)}"
    if folder.is_absolute() or str(base).startswith((".", "~")):
        return f"There is no base model in {base}: the folder does not exist."
    return (
        f"The base model {base} is neither a folder here nor a model that the hub gave: "
        f"{_first_line(error)} Check the name and the network, set HF_ENDPOINT if you use a "
        "mirror, or name a local folder; `clara model list` shows what is here."
    )


def _first_line(error: Exception) -> str:
    lines = str(error).strip().splitlines()
    return (lines[0] if lines else type(error).__name__).rstrip(".") + "."


def _check_head(model: PreTrainedModel, base: str | Path) -> None:
    """CLaRa applies the head itself, to the last hidden state: bases that do more are refused."""
    head = model.get_output_embeddings()
    body = model.base_model
    if head is None or body is model or model.get_input_embeddings() is None:
        raise BaseModelError(f"The base {base} ({type(model).__name__}) is no causal decoder.")
    seen: dict[str, torch.Tensor] = {}
    hooks = (
        body.register_forward_hook(lambda _m, _i, out: seen.update(hidden=out[0])),
        head.register_forward_hook(lambda _m, i, out: seen.update(read=i[0], logits=out)),
    )
    with torch.no_grad():
        probe = torch.tensor([[1, 2]], device=head.weight.device)
        logits = model(input_ids=probe).logits
    for hook in hooks:
        hook.remove()
    if not (torch.equal(seen["hidden"], seen["read"]) and torch.equal(seen["logits"], logits)):
        raise BaseModelError(
            f"The base {base} ({type(model).__name__}) changes its logits around the output layer "
            "(a cap or a scale); such bases are not supported. Qwen3, Mistral, Llama and Phi are."
        )
