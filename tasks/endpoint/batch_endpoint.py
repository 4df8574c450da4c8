"""The calls of the batch interface: /files and /batches, one method a call.

OpenAI's interface, and what DashScope and others made of it: only what all of them have is
used, and everything that a copy may lack is looked at before it is believed.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from tasks.endpoint import sentences
from tasks.endpoint.base_url import host_name
from tasks.endpoint.batch_replies import RemoteBatch, id_of
from tasks.endpoint.chat import ChatRequest
from tasks.endpoint.failures import (
    EndpointRefused,
    ItemRefused,
    ParameterRefused,
    TransientFailure,
)
from tasks.endpoint.wire import Wire

if TYPE_CHECKING:
    from openai import AsyncOpenAI, Omit

_PAGE = 100
# Stands in for the request that a failure is explained for: a call about files has none.
_NO_REQUEST = ChatRequest(step="batch", messages=(), max_tokens=1)

Answer = TypeVar("Answer")


class UnknownToEndpoint(Exception):
    """The endpoint has no such batch, or no such file."""


class FileNotKnownYet(TransientFailure):
    """A batch was not made, because its file has not reached all of the provider's machines."""


class BatchEndpoint:
    """The batch interface behind a wire.

    Every method makes one attempt, and raises TransientFailure or EndpointRefused.
    """

    def __init__(self, wire: Wire) -> None:
        self.wire = wire
        self.options = wire.options
        self._sends_metadata = True

    # --- files ----------------------------------------------------------------------------

    async def upload(self, path: Path, name: str) -> str:
        """The id of the file. It is read while it is sent, never whole in memory."""
        with path.open("rb") as stream:
            content = (name, stream, "application/jsonl")
            file = await self._ask(lambda c: c.files.create(file=content, purpose="batch"))
        return self._id(file)

    async def find_file(self, name: str, size_bytes: int) -> str | None:
        """The id of a file that was uploaded whole under that name."""
        async for file in self._listed(
            lambda client, after: client.files.list(purpose="batch", limit=_PAGE, after=after)
        ):
            if (
                getattr(file, "filename", None) == name
                and getattr(file, "bytes", None) == size_bytes
                and getattr(file, "status", None) != "error"
            ):
                return self._id(file)
        return None

    async def download(self, file_id: str, target: Path) -> None:
        """Writes a file of the endpoint to disk. Raises UnknownToEndpoint."""

        async def stream(client: AsyncOpenAI) -> None:
            with target.open("wb") as out:
                async with client.files.with_streaming_response.content(file_id) as response:
                    async for piece in response.iter_bytes():
                        out.write(piece)

        await self._ask(stream, by_id=True)

    # --- batches --------------------------------------------------------------------------

    async def create(self, file_id: str, ledger_key: str) -> RemoteBatch:
        """Starts the batch: from here on it costs money. Not to be repeated unseen."""
        try:
            return await self._create(file_id, ledger_key)
        except _MetadataRefused:
            self._sends_metadata = False
            return await self._create(file_id, ledger_key)

    async def _create(self, file_id: str, ledger_key: str) -> RemoteBatch:
        named: dict[str, Any] = {}
        if self._sends_metadata:
            named["metadata"] = self._metadata(ledger_key)

        async def ask(client: AsyncOpenAI) -> Any:
            return await client.batches.create(
                input_file_id=file_id,
                endpoint="/v1/chat/completions",
                completion_window="24h",
                **named,
            )

        made = await self._ask(ask, file_id=file_id, metadata=bool(named))
        if id_of(made) is None:
            # It may have been made all the same: it is looked for.
            detail = "a batch without an id"
            raise TransientFailure("broken_body", detail, maybe_billed=True)
        return self._batch(made)

    async def get(self, batch_id: str) -> RemoteBatch:
        """Raises UnknownToEndpoint."""
        return self._batch(await self._ask(lambda c: c.batches.retrieve(batch_id), by_id=True))

    async def find_batch(self, file_id: str, ledger_key: str) -> RemoteBatch | None:
        """The batch that was made of that file, or that carries our name."""
        async for item in self._listed(
            lambda client, after: client.batches.list(limit=_PAGE, after=after)
        ):
            batch = self._batch(item)
            if batch.file_id == file_id or batch.ledger_key == ledger_key:
                return batch
        return None

    def _metadata(self, ledger_key: str) -> dict[str, str]:
        if host_name(self.options.base_url).endswith("aliyuncs.com"):
            # The fields that DashScope documents: the name is shown in its console.
            return {"ds_name": f"clara-{ledger_key}", "ds_description": "clara ingest --batch-api"}
        return {"clara": ledger_key}

    # --- what comes back ------------------------------------------------------------------

    def _id(self, item: object) -> str:
        found = id_of(item)
        if found is None:
            raise self._no_interface("what it answers has no id")
        return found

    def _batch(self, item: object) -> RemoteBatch:
        self._id(item)
        return RemoteBatch.told_by(item)

    async def _listed(
        self, page_after: Callable[[AsyncOpenAI, str | Omit], Awaitable[Any]]
    ) -> AsyncIterator[Any]:
        """All items of a list, page by page; the end is where nothing new comes."""
        from openai import omit

        seen: set[str] = set()
        after: str | Omit = omit
        while True:
            page = await self._ask(lambda client, after=after: page_after(client, after))  # type: ignore[misc]
            items = getattr(page, "data", None)
            if not isinstance(items, list):
                raise self._no_interface("what it answers is no list")
            fresh = [item for item in items if self._id(item) not in seen]
            for item in fresh:
                yield item
            seen.update(self._id(item) for item in fresh)
            if not fresh or getattr(page, "has_more", None) is False:
                return
            after = self._id(items[-1])

    # --- failures -------------------------------------------------------------------------

    async def _ask(
        self,
        call: Callable[[AsyncOpenAI], Awaitable[Answer]],
        *,
        by_id: bool = False,
        file_id: str | None = None,
        metadata: bool = False,
    ) -> Answer:
        import httpx2
        import openai

        failure: Exception
        try:
            return await call(self.wire.client)
        except openai.APIStatusError as error:
            status, body, headers = (
                error.status_code,
                error.response.content,
                error.response.headers,
            )
            words = body.decode("utf-8", "replace").lower()
            if by_id and status in (404, 410):
                failure = UnknownToEndpoint()
            elif metadata and status in (400, 422) and "metadata" in words:
                failure = _MetadataRefused()
            elif file_id and status in (400, 404) and file_id.lower() in words:
                detail = f"{self.options.host} does not know the uploaded file yet"
                failure = FileNotKnownYet("status", detail)
            else:
                failure = self._refusal(status, body, headers)
        except openai.APIConnectionError as error:
            failure = self.wire.connection_failure(error)
        except httpx2.HTTPError as error:
            detail = f"the connection was lost in the middle of an answer ({type(error).__name__})"
            failure = TransientFailure("dropped", detail, maybe_billed=True)
        except ValueError:
            detail = "the status 200, and no JSON"
            failure = TransientFailure("broken_body", detail, maybe_billed=True)
        # Raised out here: the errors above hold their request, and that the key in its headers.
        raise failure

    def _refusal(self, status: int, body: bytes, headers: Mapping[str, str]) -> Exception:
        failure = self.wire.failure(status, body, _NO_REQUEST, headers)
        if isinstance(failure, EndpointRefused) and failure.kind == "path":
            return self._no_interface(f"status {status}")
        if isinstance(failure, ItemRefused | ParameterRefused):
            sentence = f"{self.options.host} refuses the batch ({status}): {failure.detail}"
            return EndpointRefused("request", sentence)
        return failure

    def _no_interface(self, why: str) -> EndpointRefused:
        return EndpointRefused(
            "path",
            f"{self.options.base_url} has no batch interface ({why} at /files or /batches): run "
            "the command without --batch-api, or choose an endpoint that has one",
        )

    def refused_whole(self, batch: RemoteBatch, requests: int) -> EndpointRefused:
        """Why a batch came to nothing, in the provider's words."""
        code, message = batch.errors[0] if batch.errors else ("", f"status {batch.status}")
        error = {"error": {"code": code, "message": message or code}}
        failure = self.wire.failure(400, error, _NO_REQUEST)
        kind = failure.kind if isinstance(failure, EndpointRefused) else "request"
        said = str(failure) if isinstance(failure, EndpointRefused) else failure.detail
        more = f" (and {len(batch.errors) - 1} more errors)" if len(batch.errors) > 1 else ""
        return EndpointRefused(
            kind,
            f"{self.options.host} refused the batch {batch.id} of {requests:,} calls as a whole"
            f"{more}: {said}. Once the cause is mended, the same command submits them anew",
        )

    def refused_parameter(self, refused: ParameterRefused) -> EndpointRefused:
        """Why no batch can be sent: nothing is left to leave out."""
        sentence = sentences.request_refused(self.options, 400, refused.detail)
        return EndpointRefused("request", sentence)


class _MetadataRefused(Exception):
    """The endpoint takes no metadata of ours."""
