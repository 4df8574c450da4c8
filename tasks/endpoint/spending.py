"""What calls cost, by step and model: counted as answers arrive."""

from __future__ import annotations

from pydantic import Field

from tasks.endpoint.options import Need
from tasks.records import Record


class StepSpending(Record):
    """The calls of one step to one model in this run."""

    step: str = Field(description="describe, synthesize, repair, judge, two_hops or preflight")
    need: Need
    model: str
    calls: int = Field(default=0, description="answered now; each of them was paid")
    reused: int = Field(default=0, description="answered from the store, paid by an earlier run")
    failed_attempts: int = Field(default=0, description="attempts that were made again")
    prompt_tokens: int = Field(default=0, description="of the calls answered now")
    completion_tokens: int = Field(default=0, description="of the calls answered now")
    cost: float | None = Field(default=None, description="now; None where the prices are unknown")
