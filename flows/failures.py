"""How a flow run ends that a person can mend: its message is the sentence, not a traceback."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from prefect.states import Failed, State

from clara_model.errors import ModelError
from tasks.errors import ClaraError

Result = TypeVar("Result")


def ended(run: Callable[[], Result]) -> Result | State[Any]:
    """What `run` gives, or a Failed state that holds its named error.

    A flow returns it: the run's message is the error's sentence, and who called the flow as a
    function gets the error raised. Any other error passes: it is ours to mend, with its traceback.
    """
    try:
        return run()
    except (ClaraError, ModelError) as error:
        return Failed(message=str(error), data=error)
