"""wandb: offline without credentials, silent, private, and never what ends a training run."""

from __future__ import annotations

import json
import socket
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from clara_model.tracking.options import TrackingOptions
from clara_model.tracking.wandb_run import WandbRun, chosen_mode
from tests.support.training_metrics import evaluation_metrics, step_metrics, trainer_at


class FakeWandb(SimpleNamespace):
    """As much of wandb as we call; `failing` names calls that raise."""

    def __init__(self, *, credentials: bool = False, failing: tuple[str, ...] = ()) -> None:
        super().__init__()
        self.credentials, self.failing = credentials, failing
        self.started: list[dict[str, Any]] = []
        self.logged: list[tuple[int, dict[str, Any]]] = []
        self.exit_codes: list[int] = []
        self.url = "https://wandb.example/run"

    def Settings(self, **values: Any) -> dict[str, Any]:
        return values

    def setup(self, settings: dict[str, Any]) -> None:
        assert settings["silent"]

    def login(self, *, prompt: bool) -> bool:
        assert not prompt
        self._maybe_fail("login")
        return self.credentials

    def init(self, *, config: dict[str, Any], settings: dict[str, Any]) -> FakeWandb:
        self.started.append({**settings, "config": config})
        self._maybe_fail(f"init {settings['mode']}")
        return self

    def log(self, figures: dict[str, Any], *, step: int) -> None:
        self._maybe_fail("log")
        self.logged.append((step, figures))

    def finish(self, *, exit_code: int) -> None:
        self._maybe_fail("finish")
        self.exit_codes.append(exit_code)

    def Table(self, *, columns: list[str], data: list[list[str]]) -> list[list[str]]:
        assert len(columns) == len(data[0])
        return data

    def _maybe_fail(self, call: str) -> None:
        if call in self.failing:
            raise RuntimeError(f"{call} went wrong.\nmore about it")


@pytest.fixture(autouse=True)
def no_user_settings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("API_KEY", "MODE", "PROJECT", "ENTITY", "RUN_GROUP", "BASE_URL", "DIR"):
        monkeypatch.delenv(f"WANDB_{name}", raising=False)
    monkeypatch.setenv("NETRC", str(tmp_path / "no-netrc"))
    monkeypatch.setenv("WANDB_CONFIG_DIR", str(tmp_path / "home"))
    monkeypatch.setenv("WANDB_CACHE_DIR", str(tmp_path / "home"))


def _train(
    folder: Path,
    fake: FakeWandb | None,
    monkeypatch: pytest.MonkeyPatch,
    *,
    first: int = 1,
    last: int = 20,
    **options: Any,
) -> list[str]:
    """A stage of which steps `first` to `last` are done; gives what was said."""
    if fake is not None:
        monkeypatch.setitem(sys.modules, "wandb", fake)  # type: ignore[arg-type]
    said: list[str] = []
    run = WandbRun(
        TrackingOptions(**options),
        folder=folder,
        name="CLaRa-tiny-compression",
        config={"learning_rate": 1e-4, "api_key": "secret-key"},
        say=said.append,
    )
    run.on_start(trainer_at(first - 1))
    for step in range(first, last + 1):
        run.on_step_end(trainer_at(step), step_metrics(step))
    run.on_evaluate(trainer_at(last), evaluation_metrics(last))
    run.on_end(trainer_at(last))
    return said


def test_without_credentials_a_real_run_is_written_offline(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "out" / "compression"
    (said,) = _train(folder, None, monkeypatch)
    import wandb

    wandb.teardown()  # as at the end of a process: waits for wandb's own to have written it all
    assert said == (
        "wandb: offline. To send the run later: wandb login; "
        f"wandb sync {folder}/wandb/offline-run-*"
    )
    (written,) = folder.glob("wandb/offline-run-*/run-*.wandb")
    content = written.read_bytes()
    assert b"train/loss" in content and b"eval/f1" in content
    assert b"CLaRa-tiny-compression" in content
    everything = b"".join(p.read_bytes() for p in (folder / "wandb").rglob("*") if p.is_file())
    for private in ("Pumpe", "secret-key", "train/step", socket.gethostname() + '"'):
        assert private.encode() not in everything
    assert not list((folder / "wandb").rglob("requirements.txt"))
    assert not list((folder / "wandb").rglob("wandb-metadata.json"))
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize(
    ("choice", "variable", "mode"),
    [
        ("auto", None, "auto"),
        ("auto", "offline", "offline"),
        ("auto", "dryrun", "offline"),
        ("auto", "disabled", "off"),
        ("auto", "Online", "online"),
        ("auto", "nonsense", "auto"),
        ("offline", "online", "offline"),
        ("off", "online", "off"),
        ("online", "disabled", "online"),
    ],
)
def test_the_option_goes_before_the_environment(
    choice: Any, variable: str | None, mode: str
) -> None:
    environment = {} if variable is None else {"WANDB_MODE": variable}
    assert chosen_mode(choice, environment) == mode


def test_with_credentials_it_is_online(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fake = FakeWandb(credentials=True)
    assert _train(tmp_path / "out" / "compression", fake, monkeypatch) == [
        "wandb: https://wandb.example/run"
    ]
    (started,) = fake.started
    assert (started["mode"], started["project"]) == ("online", "clara-pipeline")
    assert started["run_name"] == "CLaRa-tiny-compression"
    assert started["config"] == {"learning_rate": 1e-4}
    assert started["disable_git"] and started["x_disable_meta"] and started["console"] == "off"
    assert [step for step, _ in fake.logged] == [*range(1, 21), 20]
    assert fake.logged[0][1]["train/tokens_per_s"] == 1000.0
    assert fake.exit_codes == [0]


def test_what_is_logged_are_figures(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fake = FakeWandb()
    _train(tmp_path / "out" / "compression", fake, monkeypatch)
    values = [value for _, figures in fake.logged for value in figures.values()]
    assert all(isinstance(value, bool | int | float) for value in values)


def test_samples_are_sent_when_asked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fake = FakeWandb()
    _train(tmp_path / "out" / "compression", fake, monkeypatch, wandb_samples=True)
    assert fake.logged[-1] == (20, {"eval/samples": [["r1", "Wo steht die Pumpe?", "六巴", "yes"]]})


def test_online_without_credentials_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake = FakeWandb()
    said = _train(tmp_path / "out" / "compression", fake, monkeypatch, wandb="online")
    assert fake.started[0]["mode"] == "offline"
    assert "online was asked for" in said[0] and "wandb sync" in said[1]


def test_a_service_that_cannot_be_reached_means_offline(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake = FakeWandb(credentials=True, failing=("init online",))
    said = _train(tmp_path / "out" / "compression", fake, monkeypatch)
    assert [started["mode"] for started in fake.started] == ["online", "offline"]
    assert said[0] == "wandb: RuntimeError: init online went wrong. Offline instead."
    assert len(fake.logged) == 21 and len(said) == 2


def test_credentials_that_are_refused_mean_offline(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake = FakeWandb(credentials=True, failing=("login",))
    said = _train(tmp_path / "out" / "compression", fake, monkeypatch)
    assert said[0] == "wandb: RuntimeError: login went wrong. Offline instead."
    assert fake.started[0]["mode"] == "offline" and len(fake.logged) == 21


@pytest.mark.parametrize("call", ["init offline", "log", "finish"])
def test_a_failure_is_said_once_and_training_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: str
) -> None:
    fake = FakeWandb(failing=(call,))
    said = _train(tmp_path / "out" / "compression", fake, monkeypatch)
    complaints = [line for line in said if "went wrong" in line]
    assert len(complaints) == 1
    assert complaints[0].endswith(f"RuntimeError: {call} went wrong. Training goes on without it.")


def test_off_touches_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WANDB_MODE", "disabled")
    fake = FakeWandb(credentials=True)
    assert _train(tmp_path / "out" / "compression", fake, monkeypatch) == []
    assert fake.started == [] and not (tmp_path / "out").exists()


def test_a_resumed_stage_is_the_same_run_a_new_one_is_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "out" / "compression"
    fake = FakeWandb(credentials=True)
    _train(folder, fake, monkeypatch, last=7)
    _train(folder, fake, monkeypatch, first=6)
    _train(folder, fake, monkeypatch)
    begun, resumed, anew = fake.started
    assert resumed["run_id"] == begun["run_id"] != anew["run_id"]
    assert resumed["resume"] == "allow" and "resume" not in begun and "resume" not in anew
    assert fake.exit_codes == [1, 0, 0]


def test_stages_of_an_output_folder_share_a_group(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake = FakeWandb()
    for folder in ("a/compression", "a/instruction", "b/compression"):
        _train(tmp_path / folder, fake, monkeypatch)
    one, two, other = (started["run_group"] for started in fake.started)
    assert one == two != other and one.startswith("a-")
    _train(tmp_path / "a/reasoning", fake, monkeypatch, wandb_group="mine")
    assert fake.started[-1]["run_group"] == "mine"


def test_the_environment_names_project_and_group(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WANDB_PROJECT", "theirs")
    monkeypatch.setenv("WANDB_RUN_GROUP", "flow-7")
    fake = FakeWandb()
    _train(tmp_path / "out" / "compression", fake, monkeypatch)
    assert (fake.started[0]["project"], fake.started[0]["run_group"]) == ("theirs", "flow-7")


def test_a_damaged_identity_is_a_new_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "out" / "compression"
    fake = FakeWandb()
    _train(folder, fake, monkeypatch, last=7)
    identity = folder / "wandb" / "clara-run.json"
    assert json.loads(identity.read_text())["run_id"] == fake.started[0]["run_id"]
    identity.write_text('{"run_id": ')
    _train(folder, fake, monkeypatch, first=6)
    assert fake.started[1]["run_id"] != fake.started[0]["run_id"]
