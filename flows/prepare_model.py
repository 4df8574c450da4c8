"""`clara model prepare`: the only place that downloads a model, and only when told to."""

from __future__ import annotations

from tasks.errors import EngineUnavailable, UsageError
from tasks.extraction.engines import HERON_REPOS, heron_is_cached

_PREPARABLE = ("heron",)


def prepare(name: str) -> str:
    """Downloads the weights of `name` into the hub's local cache; returns a sentence.

    Raises UsageError for a name that is not known, EngineUnavailable where the hub cannot be
    reached.
    """
    if name not in _PREPARABLE:
        raise UsageError(f"{name!r} cannot be prepared: choose from {', '.join(_PREPARABLE)}")
    if heron_is_cached():
        return "heron is in the local cache already."
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HfHubHTTPError, LocalEntryNotFoundError, OfflineModeIsEnabled

    for repo, revision, _ in HERON_REPOS:
        try:
            snapshot_download(repo, revision=revision)
        except (LocalEntryNotFoundError, OfflineModeIsEnabled, HfHubHTTPError, OSError) as error:
            raise EngineUnavailable(
                f"the weights of {repo} could not be downloaded ({type(error).__name__}): check "
                "the network and HF_HUB_OFFLINE, set HF_ENDPOINT if you use a mirror, or copy the "
                "hub's cache folder from a machine that has them"
            ) from error
    return "heron is in the local cache now; `clara ingest --extraction heron` uses it."
