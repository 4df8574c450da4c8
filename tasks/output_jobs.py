"""What the tasks that write the data set are given, and what they give back."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

from pydantic import Field

from tasks.cache import StepCache, content_key
from tasks.corpus import Corpus, CorpusPlan
from tasks.errors import ClaraError
from tasks.jobs import VERSIONS
from tasks.manifest import FileEntry
from tasks.records import Record
from tasks.staging import Staging
from tasks.storage import Location
from tasks.two_hops.composer import TwoHopComposer


class OutputJob(Record):
    """A plan in the cache, and where its data set goes."""

    step: ClassVar[str] = "export"

    cache_uri: str
    output_uri: str
    home: str
    plan_key: str

    @property
    def cache_key(self) -> str:
        places = {"cache": self.cache_uri, "output": self.output_uri}
        return content_key(self.step, VERSIONS["export"], plan=self.plan_key, **places)

    @property
    def cache(self) -> StepCache:
        return StepCache(Location(self.cache_uri))

    @property
    def staging(self) -> Staging:
        return Staging(Location(self.output_uri), Path(self.home))

    def corpus(self) -> Corpus:
        plan = self.cache.get("plan", self.plan_key, CorpusPlan)
        if plan is None:
            raise ClaraError(f"the cache lost plan {self.plan_key} during the run: run again")
        return Corpus(plan, self.cache)


class RowsJob(OutputJob):
    """Write the knowledge, the training rows, the rejects, and the pictures."""

    step = "export"


class StageFilesJob(OutputJob):
    """Find hard negatives, split, and write the stage files."""

    step = "negatives"

    composer: TwoHopComposer | None = Field(
        default=None, description="who composed the two-hop questions; None: templates do"
    )

    @property
    def cache_key(self) -> str:
        if self.composer is None:
            return super().cache_key
        return content_key("negatives", VERSIONS["export"], job=super().cache_key, by=self.composer)


class Written(Record):
    """Files that are complete in staging, and what there is to say of them."""

    files: dict[str, FileEntry]
    notices: tuple[str, ...] = ()
    held_out: tuple[str, ...] = ()
