"""`clara train` with an OUT in storage: fetched before training, sent while it trains and after."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from clara_model.config import STAGES
from clara_model.training.config import TrainConfig
from clara_model.training.results import RESULT_FILE
from flows.stage_places import StagePlaces, free_folder, working_folder
from flows.stage_watch import Chore, Chores, Say, attempt
from tasks.storage import Location

_SEND_EVERY_S = 15.0
_SENDING = "Sending the checkpoints"


@contextmanager
def mirrored(output: Location, config: TrainConfig, say: Say) -> Iterator[None]:
    """Inside, the local folder that `config` names as output stands for the remote `output`.

    What is there already is fetched first; at the end all finished stages are there, and after an
    interruption the newest checkpoint. Raises StorageError; ConfigError where another training
    runs on this machine for the same output.
    """
    places = {stage: StagePlaces(output, stage) for stage in STAGES}
    with free_folder(working_folder(output), output):
        # A stage may start from any one before it.
        for stage in STAGES[: STAGES.index(config.stages[-1]) + 1]:
            places[stage].fetch()
        for stage in config.stages:
            places[stage].begin(config.model_copy(update={"stages": (stage,)}))
    own = [places[stage] for stage in config.stages]
    sent: set[str] = set()

    def send() -> None:
        for place in own:
            if place.stage in sent or not place.folder.is_dir():
                continue
            if (place.folder / RESULT_FILE).is_file():
                place.send_result()
                sent.add(place.stage)
            else:
                place.send_progress()

    try:
        with Chores([Chore(_SENDING, _SEND_EVERY_S, send)], say):
            yield
    except BaseException:
        attempt(_SENDING, send, say)
        raise
    sent.clear()
    send()
