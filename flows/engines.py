"""Which engine serves each need of a run, why, and what identifies its results."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from tasks.endpoint.configured import EngineChoice, choose_description, choose_synthesis
from tasks.endpoint.options import EndpointOptions
from tasks.errors import EngineUnavailable, UsageError
from tasks.extraction.engines import ProfileChoice, choose_profile
from tasks.extraction.options import ExtractionOptions
from tasks.jobs import LimitOptions
from tasks.manifest import Manifest
from tasks.options import IngestOptions
from tasks.prompting import Prompts, load_prompts
from tasks.records import Describer, Synthesizer
from tasks.reporting.statistics import EngineFacts
from tasks.settings import settings

if TYPE_CHECKING:
    from tasks.description.vision import VisionDescriber
    from tasks.synthesis.llm import LLMSynthesizer


@dataclass(frozen=True)
class Engines:
    """Which engine serves each need, and what identifies it in cache keys."""

    profile: ProfileChoice
    description: EngineChoice
    describer: Describer
    describer_identity: str
    describer_reads: frozenset[str]
    synthesis: EngineChoice
    synthesizer: Synthesizer
    synthesizer_identity: str
    prompts: Prompts
    limit: LimitOptions
    limit_identity: str
    limit_unit: str
    limit_reason: str

    def facts(self) -> tuple[EngineFacts, ...]:
        """One sentence for each need."""
        return (
            EngineFacts(need="extraction", engine=self.profile.name, reason=self.profile.reason),
            EngineFacts(
                need="description",
                engine=self.description.engine,
                reason=self.description.reason,
            ),
            EngineFacts(
                need="synthesis", engine=self.synthesis.engine, reason=self.synthesis.reason
            ),
            EngineFacts(need="chunk length", engine=self.limit_unit, reason=self.limit_reason),
        )

    def endpoints(self) -> tuple[EndpointOptions, ...]:
        """Those that this run may call, the vision model's first: it is needed first."""
        choices = (self.description, self.synthesis)
        return tuple(choice.endpoint for choice in choices if choice.endpoint is not None)

    def prompt_hashes(self) -> dict[str, str]:
        """Of the prompts that this data set is made with, for the manifest."""
        used: set[str] = set()
        if self.description.endpoint is not None:
            used |= {"describe"}
        if self.synthesis.endpoint is not None:
            used |= {"synthesize", "repair", "judge", "two_hops"}
        return {name: sha for name, sha in self.prompts.hashes().items() if name in used}


def choose_engines(options: IngestOptions, previous: Manifest | None, cache_uri: str) -> Engines:
    """What serves here, by options and settings; nothing is called.

    Raises EngineUnavailable for a named engine that cannot serve, UsageError for a tokenizer, a
    prompt or an option.
    """
    from tasks.tokenizer import make_limit

    if options.batch_api and options.fresh:
        raise UsageError(
            "--fresh with --batch-api would submit everything anew at every run: name another "
            "place by --cache instead, and every call is made once"
        )
    prompts = load_prompts(options.prompts)
    description = choose_description(options, cache_uri=cache_uri, offline=options.offline)
    synthesis = choose_synthesis(options, cache_uri=cache_uri, offline=options.offline)
    describer = _describer(description, prompts)
    synthesizer = _synthesizer(synthesis, prompts, options)
    limit = make_limit(options.tokenizer, options.chunk_tokens, options.chunk_size, settings().home)
    return Engines(
        profile=_profile(options, previous),
        description=description,
        describer=describer.describer,
        describer_identity=describer.cache_identity,
        describer_reads=describer.reads,
        synthesis=synthesis,
        synthesizer=synthesizer.synthesizer,
        synthesizer_identity=synthesizer.cache_identity,
        prompts=prompts,
        limit=LimitOptions(
            tokenizer=options.tokenizer,
            chunk_tokens=options.chunk_tokens,
            chunk_size=options.chunk_size,
            home=str(settings().home),
        ),
        limit_identity=limit.identity,
        limit_unit=limit.unit,
        limit_reason=f"a chunk has at most {limit.maximum} {limit.unit} of "
        f"{_tokenizer_name(options, limit.unit)}.",
    )


def vision_describer(endpoint: EndpointOptions, prompts: Prompts) -> VisionDescriber:
    """The engine that describes pictures through an endpoint."""
    from tasks.description.vision import VisionDescriber

    return VisionDescriber(endpoint.model, prompts, endpoint.extra_body)


def llm_synthesizer(
    endpoint: EndpointOptions, prompts: Prompts, options: IngestOptions
) -> LLMSynthesizer:
    """The engine that writes pairs and summaries through an endpoint."""
    from tasks.synthesis.llm import LLMSynthesizer

    judge_min = options.judge_min if options.judge else None
    return LLMSynthesizer(endpoint.model, prompts, endpoint.extra_body, judge_min)


def _describer(choice: EngineChoice, prompts: Prompts):  # type: ignore[no-untyped-def]
    if choice.endpoint is not None:
        return vision_describer(choice.endpoint, prompts)
    from tasks.description.job import engine_named

    return engine_named(choice.engine)


def _synthesizer(choice: EngineChoice, prompts: Prompts, options: IngestOptions):  # type: ignore[no-untyped-def]
    if choice.endpoint is not None:
        return llm_synthesizer(choice.endpoint, prompts, options)
    from tasks.synthesis.job import engine_named

    return engine_named(choice.engine)


def _tokenizer_name(options: IngestOptions, unit: str) -> str:
    if unit != "tokens":
        return "text, a Han character counted as three"
    return options.tokenizer or "SmolLM2-135M"


def _profile(options: IngestOptions, previous: Manifest | None) -> ProfileChoice:
    """A data set keeps its profile: a model that appears must not change a corpus in silence."""
    if options.extraction == "auto" and previous is not None and not options.fresh:
        kept = previous.models.get("extraction", {}).get("engine")
        if previous.options.get("extraction") == "auto" and kept in ("embedded", "heron", "native"):
            reason = f"the data set in OUT was made with {kept}, and no option changes that"
            try:
                choice = choose_profile(kept)
            except EngineUnavailable as error:
                raise EngineUnavailable(
                    f"{error} ({reason}: name another by --extraction, or start anew by --fresh)"
                ) from error
            reason += "; --extraction or --fresh does."
            return ProfileChoice(name=choice.name, reason=reason)
    return choose_profile(options.extraction)


def extraction_options(options: IngestOptions, engines: Engines) -> ExtractionOptions:
    """One thread a process: two processes of one thread beat one process of two by 1.7 times."""
    return ExtractionOptions(
        profile=engines.profile.name, images_scale=options.images_scale, ocr=options.ocr, threads=1
    )
