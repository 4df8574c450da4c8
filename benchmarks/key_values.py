"""A small world in which compression, reading and retrieval can be told apart from memorising.

A document states one value: "e5 a2 v17" (entity, attribute, value). Which value belongs to which
entity and attribute is drawn anew for every question, so that weights cannot hold the answers: a
model has to find the document of the question's entity and attribute among its candidates, and
to read the value out of that document's memory tokens.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from pathlib import Path

from clara_model.batches import IGNORED
from clara_model.config import Stage
from clara_model.data.examples import Document, Example, as_ids, make_document
from clara_model.tokens import TokenSpace

ENTITIES, ATTRIBUTES, VALUES = 24, 4, 24
DOCUMENT_TOKENS = 8
"""`<ENC> bos entity attribute value eos`, and room."""
_WORDS = (
    *(f"e{i}" for i in range(ENTITIES)),
    *(f"a{i}" for i in range(ATTRIBUTES)),
    *(f"v{i}" for i in range(VALUES)),
)


@dataclass(frozen=True)
class Fact:
    entity: int
    attribute: int
    value: int

    @property
    def document(self) -> str:
        return f"{self.question} v{self.value}"

    @property
    def question(self) -> str:
        return f"e{self.entity} a{self.attribute}"

    @property
    def answer(self) -> str:
        return f"v{self.value}"


def write_base(folder: Path, *, layers: int, hidden: int, seed: int) -> Path:
    """A Qwen3 with random weights and a tokenizer of this world's words."""
    import torch
    from tokenizers import Tokenizer, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast, Qwen3Config, Qwen3ForCausalLM

    words = ["<unk>", "<pad>", "<s>", "</s>", *_WORDS]
    made = Tokenizer(models.WordLevel({w: i for i, w in enumerate(words)}, unk_token="<unk>"))
    made.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=made,
        unk_token="<unk>",
        pad_token="<pad>",
        bos_token="<s>",
        eos_token="</s>",
    )
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        model = Qwen3ForCausalLM(
            Qwen3Config(
                vocab_size=len(words),
                hidden_size=hidden,
                intermediate_size=4 * hidden,
                num_hidden_layers=layers,
                num_attention_heads=4,
                num_key_value_heads=4,
                head_dim=hidden // 4,
                tie_word_embeddings=True,
            )
        )
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def rows(
    stage: Stage, tokens: TokenSpace, count: int, *, candidates: int, top_k: int, seed: int
) -> list[Example]:
    """`count` rows of a stage.

    compression decodes a whole document; instruction answers a question from `top_k` documents,
    one of which answers it; end_to_end has `candidates` documents for a question, each of
    another entity and all of the question's attribute: told apart by the entity alone.
    """
    draw = random.Random(f"{seed}-{stage}")
    documents: dict[str, Document] = {}

    def document(fact: Fact) -> Document:
        text = fact.document
        if text not in documents:
            documents[text] = make_document(tokens, text, DOCUMENT_TOKENS)
        return documents[text]

    made = []
    for number in range(count):
        shown = {"compression": 1, "instruction": top_k}.get(stage, candidates)
        attribute = draw.randrange(ATTRIBUTES)
        facts = [
            Fact(entity, attribute, draw.randrange(VALUES))
            for entity in draw.sample(range(ENTITIES), shown)
        ]
        asked = draw.randrange(shown)
        fact = facts[asked]
        prompt = tokens.text_ids("" if stage == "compression" else fact.question)
        answer = fact.document if stage == "compression" else fact.answer
        slots = 1 if stage == "compression" else top_k
        made.append(
            _row(
                tokens,
                f"{stage}-{number}",
                [tokens.bos_id, *tokens.slot_ids(slots), *prompt],
                answer,
                tuple(document(f) for f in facts),
                fact.question,
                asked,
                with_query=stage == "end_to_end",
            )
        )
    return made


def _row(
    tokens: TokenSpace,
    row_id: str,
    prompt: list[int],
    answer: str,
    documents: tuple[Document, ...],
    question: str,
    asked: int,
    *,
    with_query: bool,
) -> Example:
    target = [*tokens.text_ids(answer), tokens.eos_id]
    query = as_ids(tokens.document_ids(question, DOCUMENT_TOKENS))
    return Example(
        row_id=row_id,
        input_ids=as_ids([*prompt, *target]),
        labels=as_ids([IGNORED] * len(prompt) + target),
        prompt_length=len(prompt),
        documents=documents,
        question=question,
        answers=(answer,),
        queries=(query,) if with_query else (),
        positives=(asked,),
    )
