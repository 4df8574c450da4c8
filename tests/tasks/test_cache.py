"""A cached result is found by everything it depends on, and a broken one counts as absent."""

from __future__ import annotations

from pathlib import Path

import pytest

from tasks.cache import StepCache, content_key
from tasks.options import IngestOptions
from tasks.records import Describer
from tasks.storage import Location


def test_a_key_depends_on_every_part_and_on_no_order() -> None:
    key = content_key("extract", 1, a=1, b="二")
    assert key == content_key("extract", 1, b="二", a=1)
    assert len({key, content_key("extract", 2, a=1, b="二"), content_key("x", 1, a=1, b="二")}) == 3
    assert content_key("s", 1, o=IngestOptions()) != content_key("s", 1, o=IngestOptions(seed=1))


def test_what_json_cannot_hold_is_no_part_of_a_key() -> None:
    with pytest.raises(TypeError):
        content_key("extract", 1, thing=object())


def test_results_come_back_and_broken_ones_do_not(tmp_path: Path) -> None:
    cache = StepCache(Location(tmp_path))
    record = Describer(engine="ocr")
    assert cache.get("describe", "abc", Describer) is None
    cache.put("describe", "abc", record)
    assert cache.has("describe", "abc", Describer)
    assert cache.get("describe", "abc", Describer) == record
    (tmp_path / cache.name_of("describe", "abc")).write_bytes(b'{"eng')
    assert cache.get("describe", "abc", Describer) is None
