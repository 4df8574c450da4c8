"""What to send in place of a parameter that an endpoint does not take."""

from __future__ import annotations

from tasks.endpoint.failures import ParameterRefused
from tasks.endpoint.options import Capabilities


def adapted(capabilities: Capabilities, refused: ParameterRefused) -> Capabilities | None:
    """Capabilities without what was refused; None where nothing is left to change."""
    if refused.parameter == "max_tokens" and capabilities.token_parameter == "max_tokens":
        return capabilities.model_copy(update={"token_parameter": "max_completion_tokens"})
    if (
        refused.parameter == "max_completion_tokens"
        and capabilities.token_parameter == "max_completion_tokens"
    ):
        return capabilities.model_copy(update={"token_parameter": "max_tokens"})
    if refused.parameter == "temperature" and capabilities.takes_temperature:
        return capabilities.model_copy(update={"takes_temperature": False})
    if refused.parameter == "response_format" and capabilities.structured != "text":
        weaker = "json_object" if capabilities.structured == "json_schema" else "text"
        return capabilities.model_copy(update={"structured": weaker})
    return None
