"""CLaRa: a decoder that compresses documents into memory tokens, retrieves among them, answers.

Paper: arXiv 2511.18659. `from clara_model import Clara, ClaraConfig`. The names are loaded when
they are first used: `import clara_model` costs nothing, the model costs torch and transformers.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from clara_model.config import ClaraConfig
    from clara_model.model import Clara

__all__ = ["Clara", "ClaraConfig"]


def __getattr__(name: str) -> Any:
    if name == "ClaraConfig":
        from clara_model.config import ClaraConfig

        return ClaraConfig
    if name == "Clara":
        from clara_model.model import Clara

        return Clara
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
