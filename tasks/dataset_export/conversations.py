"""ShareGPT and Alpaca: a line for each pair, held-out documents in a file of their own."""

from __future__ import annotations

from tasks.dataset_export.conversation import Conversation, alpaca, sharegpt
from tasks.dataset_export.destination import Destination
from tasks.dataset_export.exported import Exported, Reading
from tasks.dataset_export.json_lines import JsonLinesFiles

TRAIN_FILE = "train.jsonl"
TEST_FILE = "test.jsonl"

CONVERSATIONS: dict[str, Conversation] = {"sharegpt": sharegpt, "alpaca": alpaca}


def export_conversations(
    reading: Reading, destination: Destination, format: str, *, with_context: bool
) -> Exported:
    """Writes the two files. Raises DataSetChanged, StorageError; then neither is there anew."""
    conversation = CONVERSATIONS[format]
    destination.begin((TRAIN_FILE, TEST_FILE))
    with JsonLinesFiles(destination.location) as files:
        for numbered, held_out in reading.rows():
            name = TEST_FILE if held_out else TRAIN_FILE
            for id_, pair in numbered.numbered_pairs():
                files.write(name, conversation(numbered.row, id_, pair, with_context))
    rows: dict[str, int | None] = {
        name: files.rows[name] for name in (TRAIN_FILE, TEST_FILE) if files.rows[name]
    }
    destination.finish(rows)
    return Exported(files=rows, facts=reading.facts)
