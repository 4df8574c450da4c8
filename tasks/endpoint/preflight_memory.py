"""What endpoints were found to take, remembered beside the answers: the next run only confirms."""

from __future__ import annotations

from tasks.cache import StepCache, content_key
from tasks.endpoint.options import Capabilities, EndpointOptions

STEP = "endpoints"
# Raised when what is found out changes its meaning.
_VERSION = 1


class CapabilityMemory:
    """Capabilities by endpoint. Blocks: the cache may be in a bucket."""

    def __init__(self, cache: StepCache) -> None:
        self._cache = cache

    def get(self, endpoint: EndpointOptions) -> Capabilities | None:
        return self._cache.get(STEP, self._key(endpoint), Capabilities)

    def put(self, endpoint: EndpointOptions, capabilities: Capabilities) -> None:
        self._cache.put(STEP, self._key(endpoint), capabilities)

    @staticmethod
    def _key(endpoint: EndpointOptions) -> str:
        """With the extra fields: a model that thinks may take less than one that does not."""
        return content_key(
            STEP,
            _VERSION,
            need=endpoint.need,
            base_url=endpoint.base_url,
            model=endpoint.model,
            extra_body=endpoint.extra_body,
        )
