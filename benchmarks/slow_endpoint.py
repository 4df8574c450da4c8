"""An OpenAI-compatible endpoint that answers after a fixed time: for measuring, not for testing.

    python -m benchmarks.slow_endpoint --latency 1.0

Prints its base URL and serves until it is stopped. Its answers are about the sheets of
`synthesis_throughput`: good ones, so that nothing is asked twice.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import re

_FENCED = re.compile(r"<(passage-[0-9a-f]+)>\n(.*?)\n</\1>", re.DOTALL)
_SHEET = re.compile(
    r"The (?P<name>pump K\d+) was built in (?P<year>\d+) in (?P<place>\w+)\..*?is (?P<bar>\d+) bar"
    r".*?steel grade (?P<steel>S\d+).*?is (?P<mass>\d+) kilograms",
    re.DOTALL,
)


def answer(prompt: str) -> str:
    """A summary and pairs for the passage in a prompt; the preflight's answer without one."""
    fenced = _FENCED.search(prompt)
    passage = fenced[2] if fenced else ""
    found = _SHEET.search(passage)
    if found is None:
        return json.dumps({"ok": True, "question": None, "dense_summary": "", "pairs": []})
    name = found["name"]

    def pair(kind: str, question: str, own: str | None, text: str, quote: str) -> dict[str, object]:
        return {
            "type": kind,
            "question": question,
            "question_in_passage_language": own,
            "answer": text,
            "quote": quote,
        }

    pairs = [
        pair(
            "fact",
            f"What is the rated pressure of the {name}?",
            None,
            f"{found['bar']} bar",
            f"The rated pressure of the {name} is {found['bar']} bar.",
        ),
        pair(
            "reasoning",
            f"Why does the {name} need a new gasket regularly?",
            None,
            f"Its shaft of steel grade {found['steel']} runs hot.",
            f"because its shaft of steel grade {found['steel']} runs hot",
        ),
        pair(
            "cross_lingual",
            f"{name} 的质量是多少？",
            f"What is the mass of the {name}?",
            f"{found['mass']} kilograms",
            f"The mass of the {name} is {found['mass']} kilograms.",
        ),
    ]
    return json.dumps({"dense_summary": summary(passage), "pairs": pairs}, ensure_ascii=False)


def summary(passage: str) -> str:
    """Whole sentences from the start, some two thirds of the passage."""
    sentences = re.split(r"(?<=\.) ", passage[passage.find("The ") :])
    kept = ""
    for sentence in sentences:
        if len(kept) + len(sentence) > 0.78 * len(passage):
            break
        kept = f"{kept} {sentence}".strip()
    return kept


def _texts(body: dict[str, object]) -> str:
    parts = []
    for message in body["messages"]:  # type: ignore[attr-defined]
        content = message["content"]
        parts.append(content if isinstance(content, str) else json.dumps(content))
    return "\n".join(parts)


def _response(body: dict[str, object]) -> bytes:
    prompt = _texts(body)
    text = answer(prompt)
    content = {
        "id": "loopback",
        "object": "chat.completion",
        "created": 0,
        "model": body["model"],
        "choices": [
            {
                "index": 0,
                "finish_reason": "stop",
                "message": {"role": "assistant", "content": text},
            }
        ],
        "usage": {
            "prompt_tokens": len(prompt) // 4,
            "completion_tokens": len(text) // 4,
            "total_tokens": (len(prompt) + len(text)) // 4,
        },
    }
    return json.dumps(content).encode("utf-8")


async def _serve(latency_s: float) -> None:
    async def connection(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while head := await reader.readuntil(b"\r\n\r\n"):
                length = re.search(rb"content-length: *(\d+)", head, re.IGNORECASE)
                body = await reader.readexactly(int(length[1]) if length else 0)
                await asyncio.sleep(latency_s)
                payload = _response(json.loads(body)) if body else b'{"data": []}'
                writer.write(
                    b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: "
                    + str(len(payload)).encode()
                    + b"\r\n\r\n"
                    + payload
                )
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(connection, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    print(f"http://127.0.0.1:{port}/v1", flush=True)
    async with server:
        await server.serve_forever()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--latency", type=float, default=1.0, help="seconds")
    asyncio.run(_serve(parser.parse_args().latency))


if __name__ == "__main__":
    main()
