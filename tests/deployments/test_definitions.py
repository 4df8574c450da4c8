"""prefect.yaml and the job templates: what a server and its workers would say of them."""

from __future__ import annotations

import inspect
import json
import re
from copy import deepcopy
from pathlib import Path
from typing import Any, get_args
from uuid import uuid4

import prefect
import pytest
import yaml

from deployments import names
from deployments.deploy import deployment_names, prefect_file
from deployments.pools import completed_template
from deployments.templates import PoolType, base_job_template, run_environment

TYPES = get_args(PoolType)


def definitions() -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = yaml.safe_load(prefect_file().read_text("utf-8"))["deployments"]
    return found


@pytest.fixture(params=definitions(), ids=deployment_names())
def definition(request: pytest.FixtureRequest) -> dict[str, Any]:
    return dict(request.param)


def flow_of(definition: dict[str, Any]) -> Any:
    from prefect.flows import load_flow_from_entrypoint

    return load_flow_from_entrypoint(definition["entrypoint"])


def test_what_is_deployed() -> None:
    assert deployment_names() == [
        *("ingest/cpu", "train/cpu", "train-stage/gpu", "pipeline/cpu"),
        names.NIGHTLY,
    ]
    assert yaml.safe_load(prefect_file().read_text("utf-8"))["pull"] == []


def test_a_worker_finds_each_flow_without_a_checkout(definition: dict[str, Any]) -> None:
    assert ":" not in definition["entrypoint"], "a path of the checkout is no module"
    flow = flow_of(definition)
    assert f"{flow.name}/{definition['name']}" in deployment_names()
    assert definition["work_pool"]["name"] in (names.CPU_POOL, names.GPU_POOL)
    gpu = definition["work_pool"]["name"] == names.GPU_POOL
    assert gpu == (definition["entrypoint"] == "flows.train_stage.train_stage")


def test_each_says_what_it_is(definition: dict[str, Any]) -> None:
    assert definition["enforce_parameter_schema"] is True
    assert definition["description"] and "clara" in definition["tags"]
    parameters = inspect.signature(flow_of(definition).fn).parameters
    given = {*definition["parameters"]}
    for trigger in definition.get("triggers", []):
        given |= {*trigger["parameters"]}
    assert given <= {*parameters}


def test_the_keys_are_those_that_prefect_reads(definition: dict[str, Any]) -> None:
    """Prefect leaves out in silence what it does not know: a typing error would do nothing."""
    from prefect.cli.deploy._models import DeploymentConfig, RawScheduleConfig, WorkPoolConfig

    assert {*definition} <= {*DeploymentConfig.model_fields}
    assert {*definition["work_pool"]} <= {*WorkPoolConfig.model_fields}
    for schedule in definition.get("schedules", []):
        RawScheduleConfig.model_validate(schedule)
        assert schedule["active"] is False, "nobody has said which folder"


def test_the_event_of_notify_is_the_one_that_the_trigger_waits_for() -> None:
    from prefect.events import Event
    from prefect.events.schemas.deployment_triggers import DeploymentEventTrigger
    from prefect.server.events.schemas.automations import EventTrigger
    from prefect.server.events.schemas.events import ReceivedEvent

    from deployments.events import documents_added

    (trigger,) = (t for d in definitions() for t in d.get("triggers", []))
    spec = DeploymentEventTrigger.model_validate(trigger)
    sent = documents_added("/data/documents", "/data/dataset")
    event = ReceivedEvent.model_validate(Event(**sent).model_dump(mode="json"))
    spec.set_deployment_id(uuid4())
    waits = EventTrigger.model_validate(spec.as_automation().trigger.model_dump(mode="json"))
    assert waits.covers(event)
    other = event.model_copy(update={"event": "clara.documents.removed"})
    assert not waits.covers(other)
    for name, value in trigger["parameters"].items():
        assert value == f"{{{{ event.payload.{name} }}}}" and sent["payload"][name]


@pytest.mark.parametrize("gpu", [True, False])
@pytest.mark.parametrize("pool_type", TYPES)
def test_a_template_is_one_that_the_server_takes(pool_type: PoolType, gpu: bool) -> None:
    from prefect.server.schemas.actions import WorkPoolCreate

    template = base_job_template(pool_type, gpu=gpu)
    WorkPoolCreate(name="pool", type=pool_type, base_job_template=template)
    broken = deepcopy(template)
    del broken["variables"]["properties"]["env"]
    with pytest.raises(ValueError, match="env"):
        WorkPoolCreate(name="pool", type=pool_type, base_job_template=broken)


@pytest.mark.parametrize("pool_type", TYPES)
def test_defaults_fit_the_schema_that_the_template_states(pool_type: PoolType) -> None:
    import jsonschema

    template = base_job_template(pool_type)
    schema = template["variables"]
    jsonschema.Draft202012Validator.check_schema(schema)
    defaults = {
        name: entry["default"]
        for name, entry in schema["properties"].items()
        if entry.get("default") is not None
    }
    jsonschema.validate(defaults, schema)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({**defaults, "stream_output": "perhaps"}, schema)


@pytest.mark.parametrize("pool_type", TYPES)
def test_a_template_has_all_that_prefect_has_in_its_own(pool_type: PoolType) -> None:
    own = _prefects_own(pool_type)
    ours = base_job_template(pool_type)
    assert {*own["variables"]["properties"]} <= {*ours["variables"]["properties"]}
    assert {*own["job_configuration"]} <= {*ours["job_configuration"]}
    added = {*ours["variables"]["properties"]} - {*own["variables"]["properties"]}
    assert (
        added
        == {
            "process": set(),
            "docker": {"shared_memory", "device_requests"},
            "kubernetes": {"shared_memory", "gpus"},
        }[pool_type]
    )


@pytest.mark.parametrize("pool_type", TYPES)
def test_every_run_says_that_it_is_alive_and_nothing_to_anybody_else(pool_type: PoolType) -> None:
    environment = run_environment(base_job_template(pool_type))
    assert int(environment["PREFECT_FLOWS_HEARTBEAT_FREQUENCY"]) * 2 < 90
    assert environment["PREFECT_RESULTS_DEFAULT_SERIALIZER"] == "json"
    assert environment["DO_NOT_TRACK"] == "1"
    assert not [k for k in environment if re.search("KEY|SECRET|TOKEN|PASSWORD|AUTH", k)]


def test_gpus_are_asked_for_in_the_gpu_pool_only() -> None:
    docker = _job("docker", gpu=True)["container_create_kwargs"]
    assert docker["device_requests"] == [{"count": -1, "capabilities": [["gpu"]]}]
    assert docker["shm_size"] == "8g"
    assert "device_requests" not in _job("docker", gpu=False)["container_create_kwargs"]
    for gpu in (True, False):
        pod = _job("kubernetes", gpu=gpu)["job_manifest"]["spec"]["template"]["spec"]
        (container,) = pod["containers"]
        for side in ("limits", "requests"):
            assert container["resources"][side].get("nvidia.com/gpu") == (1 if gpu else None)
        (volume,) = pod["volumes"]
        assert volume["emptyDir"] == {"medium": "Memory", "sizeLimit": "8Gi"}
        assert container["volumeMounts"] == [{"name": volume["name"], "mountPath": "/dev/shm"}]
        assert container["image"] == ("clara-pipeline:cuda" if gpu else "clara-pipeline:cpu")


def test_a_template_that_somebody_changed_keeps_the_change() -> None:
    template = base_job_template("process")
    env = template["variables"]["properties"]["env"]
    env["default"] = {"PREFECT_FLOWS_HEARTBEAT_FREQUENCY": "45", "MINE": "1"}
    completed = completed_template("process", template, {"ASKED": "for"})
    found = run_environment(completed)
    assert found["PREFECT_FLOWS_HEARTBEAT_FREQUENCY"] == "45" and found["MINE"] == "1"
    assert found["DO_NOT_TRACK"] == "1" and found["ASKED"] == "for"
    assert "DO_NOT_TRACK" not in env["default"], "the argument is left as it was"
    foreign = {"variables": {"properties": {}}, "job_configuration": {}}
    assert completed_template("ecs", foreign) == foreign


def _job(pool_type: PoolType, *, gpu: bool) -> dict[str, Any]:
    """The job as a worker fills it in, before the class of its type reads it."""
    from prefect.utilities.templating import apply_values
    from prefect.workers.base import BaseJobConfiguration

    template = base_job_template(pool_type, gpu=gpu)
    defaults = BaseJobConfiguration._get_base_config_defaults(template["variables"]["properties"])
    filled: dict[str, Any] = apply_values(template["job_configuration"], defaults)
    return filled


def _prefects_own(pool_type: PoolType) -> dict[str, Any]:
    views = Path(prefect.__file__).parent / "server/api/collections_data/views"
    collections = json.loads((views / "aggregate-worker-metadata.json").read_text("utf-8"))
    for workers in collections.values():
        if pool_type in workers:
            own: dict[str, Any] = workers[pool_type]["default_base_job_configuration"]
            return own
    raise AssertionError(f"Prefect knows no worker of type {pool_type}")
