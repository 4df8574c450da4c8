"""The event that says that documents were added: it starts a re-ingestion (prefect.yaml)."""

from __future__ import annotations

import hashlib
from typing import Any

from deployments.names import DOCUMENTS_ADDED


def documents_added(source: str, output: str) -> dict[str, Any]:
    """The fields of the event. The resource is the folder, whoever looks at it."""
    digest = hashlib.sha256(source.encode()).hexdigest()
    return {
        "event": DOCUMENTS_ADDED,
        "resource": {
            "prefect.resource.id": f"clara.documents.{digest}",
            "prefect.resource.name": source,
            "clara.source": source,
        },
        "payload": {"source": source, "output": output},
    }
