"""What bootstrap makes on a server: once, completed ever after, never taken from its owner."""

from __future__ import annotations

from pathlib import Path

import pytest

from deployments import names
from deployments.bootstrap import BootstrapOptions, bootstrap, main
from deployments.runs import mark_crashed
from deployments.server_access import server_client
from tasks.errors import ServerUnavailable, UsageError

pytestmark = pytest.mark.server


def test_a_second_time_changes_nothing(prefect_api: str) -> None:
    first = bootstrap()
    assert [line.split(":")[1].split()[0] for line in first] == ["made"] * 3, first
    assert all("there already" in line for line in bootstrap())
    with server_client() as client:
        (automation,) = client.read_automations_by_name(names.SILENT_RUNS)
        assert automation.enabled and automation.trigger.within.total_seconds() == 90
        assert client.read_work_pool(names.GPU_POOL).concurrency_limit == 1


def test_what_somebody_set_stays_and_what_is_asked_for_comes(
    prefect_api: str, tmp_path: Path
) -> None:
    from prefect.client.schemas.actions import WorkPoolUpdate

    bootstrap()
    with server_client() as client:
        client.update_work_pool(names.CPU_POOL, WorkPoolUpdate(concurrency_limit=7))
        (automation,) = client.read_automations_by_name(names.SILENT_RUNS)
        client.delete_automation(automation.id)
    assert any("made" in line for line in bootstrap())
    with server_client() as client:
        assert client.read_work_pool(names.CPU_POOL).concurrency_limit == 7
    said = bootstrap(BootstrapOptions(cpu_limit=2, result_storage=str(tmp_path)))
    assert said[0].endswith(f"(block local-file-system/{names.RESULT_BLOCK})")
    with server_client() as client:
        pool = client.read_work_pool(names.CPU_POOL)
        assert pool.concurrency_limit == 2
        variables = pool.base_job_template["variables"]["properties"]["env"]["default"]
    assert variables["PREFECT_DEFAULT_RESULT_STORAGE_BLOCK"].endswith(names.RESULT_BLOCK)
    assert variables["DO_NOT_TRACK"] == "1"


def test_result_storage_on_s3_holds_no_key(
    prefect_api: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    from prefect_aws import S3Bucket

    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "an-id")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "a-very-secret-key")
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
    bootstrap(BootstrapOptions(result_storage="s3://bucket/results"))
    block = S3Bucket.load(names.RESULT_BLOCK)
    assert (block.bucket_name, block.bucket_folder) == ("bucket", "results")
    saved = str(block.credentials.model_dump())
    assert "a-very-secret-key" not in saved and "an-id" not in saved
    assert block.credentials.aws_client_parameters.endpoint_url == "http://127.0.0.1:1"


@pytest.mark.parametrize("uri", ["results", "s3:///results"])
def test_result_storage_that_other_machines_could_not_find_is_refused(
    prefect_api: str, uri: str
) -> None:
    with pytest.raises(UsageError, match="--result-storage"):
        bootstrap(BootstrapOptions(result_storage=uri))


def test_the_command(prefect_api: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["--gpu-limit", "0"])
    assert "one or more" in capsys.readouterr().err


def test_a_run_that_was_ended_is_crashed_and_one_that_was_done_is_not(prefect_api: str) -> None:
    from prefect import flow
    from prefect.states import Completed, Running

    @flow
    def nothing() -> None:
        return None

    with server_client() as client:
        runs = [client.create_flow_run(nothing, state=Running()) for _ in range(2)]
        client.set_flow_run_state(runs[1].id, Completed(), force=True)
        ids = [str(run.id) for run in runs]
        assert mark_crashed([*ids, "0" * 32], "its worker ended") == [runs[0].name]
        states = [client.read_flow_run(run.id).state for run in runs]
    assert states[0] is not None and states[0].is_crashed()
    assert states[0].message == "its worker ended"
    assert states[1] is not None and states[1].is_completed()


def test_a_server_that_is_not_there() -> None:
    from prefect.settings import PREFECT_API_URL, temporary_settings

    with (
        temporary_settings({PREFECT_API_URL: "http://127.0.0.1:9/api"}),
        pytest.raises(ServerUnavailable, match="PREFECT_API_URL"),
        server_client() as client,
    ):
        client.read_work_pools()
