"""`clara notify FOLDER`: tell the server that documents were added."""

from __future__ import annotations

from pathlib import Path

from tasks.errors import EXIT_DONE, ServerUnavailable, UsageError


def run_notify(folder: str, output: str | None) -> int:
    """Emits the event, and comes back when the server has it. Raises ClaraError."""
    from flows import local_server
    from tasks.storage import Location

    source = _whole(folder)
    place = Location(source)
    if not place.exists() or not place.is_folder():
        raise UsageError(f"{folder!r} is no folder: name the one with the new documents")
    local_server.connect()
    target = _whole(output) if output else _nightly_output(source)
    _emit(source, target)
    print(f"{source}: told the server; a re-ingestion into {target} starts")
    return EXIT_DONE


def _nightly_output(source: str) -> str:
    from deployments.nightly import read_nightly
    from deployments.server_access import server_client

    with server_client() as client:
        nightly = read_nightly(client)
    if nightly is None:
        raise ServerUnavailable(
            "nothing is deployed on this server that could answer: `clara up` deploys it"
        )
    if nightly.source != source or not nightly.output:
        aim = f"looks at {nightly.source}" if nightly.source else "looks at nothing"
        raise UsageError(
            f"into which data set? The nightly run {aim}, not at {source}: name it with --output"
        )
    return nightly.output


def _emit(source: str, output: str) -> None:
    """By a request that the server answers: Prefect's own emitter would send it some time later,
    and tell nobody where it cannot."""
    from prefect.events import Event

    from deployments.events import documents_added
    from deployments.server_access import server_client

    event = Event.model_validate(documents_added(source, output))
    with server_client() as client:
        client.request("POST", "/events", json=[event.model_dump(mode="json")])


def _whole(place: str) -> str:
    return place if "://" in place else str(Path(place).expanduser().absolute())
