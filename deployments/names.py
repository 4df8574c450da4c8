"""What things are called on the server: pools, deployments, the event. prefect.yaml uses the same.

Nothing is imported here, so that a command can name them before Prefect is loaded.
"""

from __future__ import annotations

CPU_POOL = "cpu-pool"
GPU_POOL = "gpu-pool"
NIGHTLY = "reingest/nightly"
DOCUMENTS_ADDED = "clara.documents.added"
SILENT_RUNS = "Silent runs are crashed"
RESULT_BLOCK = "clara-results"
