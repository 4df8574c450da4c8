"""Two-hop questions through the real client, over a socket: answered once, then from the store."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

from tasks.jobs import Done, TwoHopQuestion, TwoHopsJob
from tasks.two_hops.composer import composer_of
from tasks.two_hops.job import compose
from tasks.two_hops.questions import two_hops_of
from tests.support.llm_clients import make_client, options
from tests.support.small_endpoint import Call, Reply, small_endpoint
from tests.tasks.two_hops.linked_corpus import GOOD, linked_corpus


def _completion(text: str) -> Reply:
    return Reply(
        {
            "id": "x",
            "object": "chat.completion",
            "created": 1,
            "model": "qwen-turbo",
            "choices": [
                {
                    "index": 0,
                    "finish_reason": "stop",
                    "message": {"role": "assistant", "content": text},
                }
            ],
            "usage": {"prompt_tokens": 300, "completion_tokens": 30, "total_tokens": 330},
        }
    )


def _answer(call: Call) -> Reply:
    if "厂房" in json.dumps(call.body, ensure_ascii=False).split('"role": "user"')[1]:
        return _completion('<think>Not the same machine.</think>{"question": null}')
    return _completion(f"```json\n{json.dumps({'question': GOOD['en']})}\n```")


def test_a_question_and_a_null_come_back_and_are_paid_once(tmp_path: Path) -> None:
    corpus = linked_corpus(tmp_path)
    with small_endpoint(_answer) as endpoint:
        calls = options(endpoint.base_url, corpus.cache.location.uri())
        items = two_hops_of(corpus, composer_of(calls, None)).items
        job = TwoHopsJob(
            cache_uri=corpus.cache.location.uri(), calls=calls, pairs=tuple(items.values())
        )
        first, again = (make_client(calls) for _ in range(2))
        assert asyncio.run(compose(job, first, lambda _: None)) == Done(made=2)
        assert len(endpoint.calls) == 2
        anew = job.model_copy(update={"overwrite": True})
        assert asyncio.run(compose(anew, again, lambda _: None)) == Done(made=2)
        assert len(endpoint.calls) == 2
    schema = endpoint.calls[0].body["response_format"]["json_schema"]["schema"]
    assert schema["properties"]["question"]["type"] == ["string", "null"]
    results = [corpus.cache.get("two_hops", key, TwoHopQuestion) for key in items]
    assert [result and result.question for result in results] == [GOOD["en"], None]
    assert all(r and r.usage and r.usage.prompt_tokens == 300 for r in results)
    (spending,) = first.spending()
    assert (spending.step, spending.calls, spending.prompt_tokens) == ("two_hops", 2, 600)
