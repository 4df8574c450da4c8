"""How much of the documents `doc_max_length` cuts off, by language."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

from clara_model.data.examples import Document
from clara_model.errors import DataError

ALLOWED_SHARE = 0.01
"""Share of distinct documents that may be cut unless truncation is allowed."""


@dataclass(frozen=True)
class CutDocuments:
    """Distinct documents of one language."""

    documents: int = 0
    cut: int = 0
    tokens: int = 0
    tokens_lost: int = 0
    longest: int = 0
    """Tokens of the longest document, uncut."""

    @property
    def share(self) -> float:
        return self.cut / self.documents if self.documents else 0.0

    def __add__(self, other: CutDocuments) -> CutDocuments:
        return CutDocuments(
            documents=self.documents + other.documents,
            cut=self.cut + other.cut,
            tokens=self.tokens + other.tokens,
            tokens_lost=self.tokens_lost + other.tokens_lost,
            longest=max(self.longest, other.longest),
        )


@dataclass(frozen=True)
class TruncationReport:
    doc_max_length: int
    by_language: dict[str, CutDocuments]
    """Languages in the order of their names."""

    @property
    def total(self) -> CutDocuments:
        return sum(self.by_language.values(), start=CutDocuments())

    @property
    def is_too_much(self) -> bool:
        return self.total.share > ALLOWED_SHARE

    def sentence(self) -> str:
        """What is cut, for a log or an error."""
        total = self.total
        if not total.cut:
            return f"No document is longer than {self.doc_max_length} tokens."
        shares = ", ".join(
            f"{language} {cuts.share:.1%} of {cuts.documents} ({cuts.tokens_lost} tokens lost)"
            for language, cuts in self.by_language.items()
        )
        return (
            f"{total.cut} of {total.documents} documents ({total.share:.1%}) are longer than "
            f"doc_max_length {self.doc_max_length} and are cut; by language: {shares}; the longest "
            f"has {total.longest} tokens."
        )


def truncation_of(documents: Iterable[Document], doc_max_length: int) -> TruncationReport:
    """The report on distinct documents."""
    found: defaultdict[str, CutDocuments] = defaultdict(CutDocuments)
    for document in documents:
        found[document.language] += CutDocuments(
            documents=1,
            cut=int(document.is_cut),
            tokens=document.full_length,
            tokens_lost=document.full_length - len(document.ids),
            longest=document.full_length,
        )
    return TruncationReport(doc_max_length, {name: found[name] for name in sorted(found)})


def refuse_truncation(report: TruncationReport) -> None:
    """Raises DataError where more than 1 % of the documents are cut."""
    if report.is_too_much:
        raise DataError(
            f"{report.sentence()} Training would never see their ends. Make shorter chunks (`clara "
            "ingest --tokenizer BASE` bounds them by that model's tokens), raise doc_max_length, "
            "or accept it with --allow-truncation."
        )
