"""Jobs: what a Prefect task is given, and what it gives back. Small records of keys and URIs.

Documents, pictures and texts stay in the cache; a job names them by key. The functions that do
the work run in worker processes and are named here as `module:function`, so that neither side
imports the other's libraries.
"""

from __future__ import annotations

from typing import Any, ClassVar, Self

from pydantic import Field

from tasks.cache import StepCache, content_key
from tasks.description.engine import PictureContext
from tasks.endpoint.options import EndpointOptions
from tasks.extraction.options import ExtractionOptions
from tasks.records import (
    Description,
    ExtractedDocument,
    Language,
    Record,
    SourceFile,
    Synthesis,
    TextChunk,
    Usage,
)
from tasks.storage import Location

# Raised when the meaning of a step's result changes: everything it made before is made anew.
VERSIONS = {
    "pictures": 1,
    "extract": 2,
    "describe": 1,
    "chunk": 2,
    "synthesize": 1,
    "two_hops": 1,
    "export": 2,
}


class Elsewhere(Record):
    """What a process knows that the run itself started, and another program's process does not."""

    offline: bool


class Job(Record):
    """One task run's work on one or more items, each of which has its own key in the cache."""

    step: ClassVar[str] = ""
    function: ClassVar[str] = ""
    calling_function: ClassVar[str] = ""
    items_field: ClassVar[str | None] = None

    cache_uri: str
    overwrite: bool = Field(default=False, description="make again what the cache has")
    workers: int = Field(default=1, description="size of the pool, if this job is its first")
    timeout_s: float | None = None
    elsewhere: Elsewhere | None = Field(
        default=None, description="of a job that a process of another program runs"
    )
    calls: EndpointOptions | None = Field(
        default=None,
        description="endpoint of an engine that calls one: `calling_function` runs on the loop of "
        "this process, and not `function` in a worker process",
    )

    @property
    def item_keys(self) -> list[str]:
        """Keys under which the results are stored; each covers all that its result depends on."""
        return [item.key for item in self._items]

    @property
    def cache_key(self) -> str:
        """Prefect's key: results of two caches never stand in for one another."""
        parts: dict[str, Any] = {"keys": self.item_keys, "cache": self.cache_uri}
        if self.calls is not None and self.calls.batch:
            parts["batch"] = True  # its result may be that it waits, which is nothing to remember
        return content_key(self.step, VERSIONS[self.step], **parts)

    @property
    def size(self) -> int:
        return len(self.item_keys)

    def halves(self) -> list[Self]:
        """The same work as two jobs, to find the item that a batch fails on."""
        middle = len(self._items) // 2
        parts = (self._items[:middle], self._items[middle:])
        return [self.model_copy(update={str(self.items_field): part}) for part in parts]

    def only(self, key: str) -> Self:
        """The same work for one of the items."""
        items = tuple(item for item in self._items if item.key == key)
        return self.model_copy(update={str(self.items_field): items})

    @property
    def _items(self) -> tuple[Any, ...]:
        return tuple(getattr(self, str(self.items_field)))

    def cache(self) -> StepCache:
        return StepCache(Location(self.cache_uri))

    def is_done(self, cache: StepCache, key: str) -> bool:
        """Whether an item needs no work: a batch that was killed had stored what it finished."""
        return not self.overwrite and cache.has(self.step, key, RESULTS[self.step])


class Rejection(Record):
    """Why one item of a job has no result."""

    reason: str
    detail: str
    id: str | None = None


class Done(Record):
    """What a job reports: the items it made now, and those that it had to reject."""

    made: int
    rejected: int = 0
    pending: int = Field(default=0, description="items that wait for a batch's answers")
    failures: dict[str, Rejection] = Field(
        default_factory=dict,
        description="by key: items without a result now that may have one at another time",
    )
    note: str | None = Field(default=None, description="which items were rejected, and why")


# --- results, as the cache holds them --------------------------------------------------------


class PictureOutcome(Record):
    """A standalone image file: its picture, or its pages, or why it cannot be used."""

    image_id: str | None = None
    width_px: int = 0
    height_px: int = 0
    pages: int = Field(default=1, description="above 1 for a TIFF that is a document of pages")
    rejection: Rejection | None = None


class ExtractOutcome(Record):
    """A document's extraction, or why there is none."""

    document: ExtractedDocument | None = None
    rejection: Rejection | None = None


class DescribeOutcome(Record):
    """A picture's description, or why there is none."""

    description: Description | None = None
    rejection: Rejection | None = None


class Chunks(Record):
    """A document's chunks, and its `tasks.heldout.sketch` for finding near-duplicates."""

    chunks: tuple[TextChunk, ...]
    sketch: str


class Syntheses(Record):
    """One synthesis a chunk, in the order of the chunks."""

    syntheses: tuple[Synthesis, ...]

    @property
    def settled(self) -> bool:
        """Whether a later run has nothing to ask again."""
        return all(synthesis.settled for synthesis in self.syntheses)


class TwoHopQuestion(Record):
    """A question that needs both of two pairs. Neither it nor a rejection: the model saw no
    sensible one."""

    question: str | None = None
    rejection: Rejection | None = None
    usage: Usage | None = Field(default=None, description="tokens of the call that made it")


RESULTS: dict[str, type[Record]] = {
    "pictures": PictureOutcome,
    "extract": ExtractOutcome,
    "describe": DescribeOutcome,
    "chunk": Chunks,
    "synthesize": Syntheses,
    "two_hops": TwoHopQuestion,
}


# --- jobs ------------------------------------------------------------------------------------


class FileToRead(Record):
    key: str
    file: SourceFile


class PicturesJob(Job):
    """Open a batch of standalone images; each outcome is stored under its own key."""

    step = "pictures"
    function = "tasks.description.picture_job:load"
    items_field = "files"

    files: tuple[FileToRead, ...]


class ExtractJob(Job):
    """Extract a document, or a batch of small ones; each outcome is stored under its own key."""

    step = "extract"
    function = "tasks.extraction.job:extract"
    items_field = "files"

    files: tuple[FileToRead, ...]
    options: ExtractionOptions

    @property
    def title(self) -> str:
        """What the task run is called."""
        first, others = self.files[0].file.file_path, len(self.files) - 1
        return f"{first} and {others} more" if others else first


class PictureToDescribe(Record):
    image_id: str
    key: str
    context: PictureContext


class DescribeJob(Job):
    """Describe a batch of pictures by one engine."""

    step = "describe"
    function = "tasks.description.job:describe"
    calling_function = "tasks.description.vision_job:describe"
    items_field = "pictures"

    engine: str
    prompts: str | None = Field(default=None, description="folder of the user's own prompts")
    pictures: tuple[PictureToDescribe, ...]


class DocumentToChunk(Record):
    """`outcome_step` and `outcome_key` name the extraction, or the standalone picture."""

    key: str
    outcome_step: str
    outcome_key: str
    doc_id: str
    describe_keys: dict[str, str]


class LimitOptions(Record):
    """What `make_limit` needs to bound chunks."""

    tokenizer: str | None
    chunk_tokens: int | None
    chunk_size: int | None
    home: str


class ChunkJob(Job):
    """Cut a batch of documents into chunks."""

    step = "chunk"
    function = "tasks.chunking.job:chunk"
    items_field = "documents"

    limit: LimitOptions
    documents: tuple[DocumentToChunk, ...]


class ChunksToSynthesize(Record):
    key: str
    chunk_key: str


class SynthesizeJob(Job):
    """Write questions, answers and summaries for a batch of documents' chunks."""

    step = "synthesize"
    function = "tasks.synthesis.job:synthesize"
    calling_function = "tasks.synthesis.llm_job:synthesize"
    items_field = "documents"

    engine: str
    prompts: str | None = Field(default=None, description="folder of the user's own prompts")
    judge_min: int | None = Field(default=None, description="None: pairs are not graded")
    seed: int
    documents: tuple[ChunksToSynthesize, ...]

    def is_done(self, cache: StepCache, key: str) -> bool:
        stored = None if self.overwrite else cache.get(self.step, key, Syntheses)
        return stored is not None and stored.settled


class PairInPassage(Record):
    """A question and its answer, with the passage that they are about."""

    passage: str
    question: str
    answer: str


class PairsToJoin(Record):
    """Two pairs that `entity` ties together: the first one's answer, which the second asks about.

    Texts and not keys: a person's reviews may have changed what the cache has.
    """

    key: str
    language: Language
    entity: str
    first: PairInPassage
    second: PairInPassage


class TwoHopsJob(Job):
    """Have a model write one question for each of a batch of linked pairs."""

    step = "two_hops"
    calling_function = "tasks.two_hops.job:compose"
    items_field = "pairs"

    calls: EndpointOptions
    prompts: str | None = Field(default=None, description="folder of the user's own prompts")
    pairs: tuple[PairsToJoin, ...]
