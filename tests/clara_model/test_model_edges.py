"""What the model does at the edges: kept graphs, nothing to read, a base with ways of its own."""

from __future__ import annotations

from pathlib import Path

import torch

from clara_model import Clara, ClaraConfig
from tests.clara_model.test_model import batch_of, documents, prompts
from tests.support.tiny_models import tiny_base


def test_a_kept_graph_can_be_gone_through_twice(model: Clara) -> None:
    model.set_stage("compression")
    model.train()
    model.enable_gradient_checkpointing()
    loss = model(batch_of(model, "compression")).answer_loss_sum
    loss.backward(retain_graph=True)
    once = {
        n: p.grad.clone() for n, p in model.trainable_parameters().items() if p.grad is not None
    }
    loss.backward()
    for name, parameter in model.trainable_parameters().items():
        if name in once:
            assert torch.allclose(parameter.grad, 2 * once[name], atol=1e-4)


def test_making_a_model_leaves_the_random_numbers_alone(tmp_path: Path) -> None:
    base = tiny_base(tmp_path / "base", "mistral")  # its table has to grow
    before = torch.random.get_rng_state()
    Clara.from_base(base, ClaraConfig(doc_max_length=64)).set_stage("end_to_end")
    assert torch.equal(torch.random.get_rng_state(), before)


def test_no_documents_and_an_empty_document(model: Clara) -> None:
    text = torch.tensor([model.tokens.text_ids("The valve opens at six bar.")])
    nothing = torch.zeros(1, 0, 4, model.hidden_size)
    loss = model.answer_loss(nothing, text, torch.ones_like(text), text)
    assert torch.isfinite(loss)
    empty = model.compress(text, torch.zeros_like(text))
    assert torch.isfinite(empty.memory).all() and torch.isfinite(empty.alignment_loss)


def test_generation_does_not_follow_the_bases_own_settings(model: Clara) -> None:
    ids, mask = documents(model)
    memory = model.compress(ids, mask).memory[None, :2].detach()
    prompt, ones, _ = prompts(model, 2)
    plain = model.generate(memory, prompt[:1], ones[:1], max_new_tokens=12)
    own = model.base.generation_config
    own.do_sample, own.temperature = True, 5.0
    own.repetition_penalty, own.no_repeat_ngram_size = 1.8, 1
    assert torch.equal(model.generate(memory, prompt[:1], ones[:1], max_new_tokens=12), plain)
    sampled = model.generate(
        memory, prompt[:1], ones[:1], max_new_tokens=12, repetition_penalty=9.0
    )
    assert not torch.equal(sampled, plain)


def test_a_frozen_base_has_no_dropout_of_its_own(tmp_path: Path) -> None:
    base = tiny_base(tmp_path / "base", attention_dropout=0.4)
    model = Clara.from_base(base, ClaraConfig(doc_max_length=64, lora_r=4, lora_dropout=0))
    model.set_stage("instruction")
    model.train()
    ids, mask = documents(model)
    assert torch.equal(model.compress(ids, mask).memory, model.compress(ids, mask).memory)
