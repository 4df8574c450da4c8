"""Which bases are here is found without a network; a hub that is not there is said at once."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest

from clara_model.base_models import (
    base_licence,
    fetch_base,
    list_bases,
    missing_files,
    prepared_models,
    resolve_base,
)
from clara_model.errors import BaseModelError
from tests.support.corpora import ROOT
from tests.support.tiny_models import tiny_base

NAME = "some-owner/some-model"


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_base(tmp_path_factory.mktemp("bases") / "tiny", "llama")


@pytest.fixture
def hub_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty Hugging Face cache of the test's own."""
    from huggingface_hub import constants

    cache = tmp_path / "hub"
    cache.mkdir()
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(cache))
    return cache


def put_into(cache: Path, base: Path, name: str = NAME) -> Path:
    """As a download leaves it."""
    repo = cache / f"models--{name.replace('/', '--')}"
    revision = "0123456789abcdef0123456789abcdef01234567"
    (repo / "refs").mkdir(parents=True)
    (repo / "refs" / "main").write_text(revision)
    return Path(shutil.copytree(base, repo / "snapshots" / revision))


def test_a_folder_a_prepared_name_and_a_cached_name_are_found(
    base: Path, hub_cache: Path, tmp_path: Path
) -> None:
    home = tmp_path / "home"
    prepared = shutil.copytree(base, prepared_models(home) / "SmolLM2-135M-Instruct")
    snapshot = put_into(hub_cache, base)
    assert resolve_base(base) == base
    assert resolve_base("smollm2", home=home) == prepared
    assert resolve_base("SmolLM2-135M-Instruct", home=home) == prepared
    assert resolve_base(NAME) == snapshot
    assert fetch_base(NAME) == snapshot  # not asked for again
    # What a plain folder of the cache holds that is no causal model is not offered.
    put_into(hub_cache, base, "some-owner/an-embedder")
    config = next(hub_cache.glob("*an-embedder/snapshots/*/config.json"))
    config.write_text(json.dumps({"model_type": "bert", "architectures": ["BertModel"]}))
    found = {usable.name: usable for usable in list_bases(home)}
    assert set(found) == {NAME, "smollm2"}
    assert found[NAME].model_type == "llama"
    assert found[NAME].size_bytes == (base / "model.safetensors").stat().st_size
    assert found["smollm2"].origin == "prepared"


def test_what_a_folder_lacks_is_named(base: Path, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(base, tmp_path / "base"))
    (folder / "model.safetensors").rename(folder / "pytorch_model.bin")
    with pytest.raises(BaseModelError, match="a pickle, which is never read"):
        resolve_base(folder)
    (folder / "model.safetensors.index.json").write_text('{"weight_map": {"a": "part-1"}}')
    (folder / "tokenizer.json").unlink()
    assert missing_files(folder) == ["part-1", "tokenizer.json"]
    (folder / "model.safetensors.index.json").write_text("[]")
    with pytest.raises(BaseModelError, match="copy the model anew"):
        resolve_base(folder)
    with pytest.raises(BaseModelError, match=r"lacks config\.json"):
        resolve_base(tmp_path)


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("./no-such-folder", "is no folder here"),
        ("/no/such/folder", "is no folder here"),
        (NAME, f"clara model prepare {NAME}"),
        ("smollm2", "clara model prepare smollm2"),
    ],
)
def test_what_is_not_here_says_how_to_get_it(name: str, said: str, hub_cache: Path) -> None:
    with pytest.raises(BaseModelError, match=said):
        resolve_base(name, home=hub_cache)


def test_a_licence_is_read_from_the_card(tmp_path: Path) -> None:
    card = tmp_path / "README.md"
    assert base_licence(tmp_path) is None
    for text, licence in (
        ("---\nlicense: apache-2.0\n---\nWords\n", "apache-2.0"),
        ("No head\n---\nlicense: mit\n---\n", None),
        ("---\n: : :\n---\n", None),
    ):
        card.write_text(text)
        assert base_licence(tmp_path) == licence


def test_offline_nothing_is_asked(hub_cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # The variable is read when the library is first imported, which another test may have done.
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    with pytest.raises(BaseModelError, match=r"HF_HUB_OFFLINE is set.*HF_ENDPOINT"):
        fetch_base(NAME)
    with pytest.raises(BaseModelError, match="--offline was given"):
        fetch_base(NAME, offline=True)


class Hub(BaseHTTPRequestHandler):
    """As much of a hub as a download needs: one model, one that is gated, one in pickles."""

    base: Path

    def do_GET(self) -> None:
        self._answer(body=True)

    def do_HEAD(self) -> None:
        self._answer(body=False)

    def _answer(self, body: bool) -> None:
        path = self.path.split("?")[0]
        if "gated" in path:
            self._send(403, b"", {"X-Error-Code": "GatedRepo"}, body)
        elif "portal" in path:
            self._send(200, b"<html>Please log in to this network.</html>", {}, body)
        elif path.startswith("/api/models/some-owner/pickled"):
            self._send(200, json.dumps(self._info(["pytorch_model.bin"])).encode(), {}, body)
        elif path.startswith(f"/api/models/{NAME}/tree"):
            files = [self._file(file) for file in sorted(self.base.iterdir())]
            self._send(200, json.dumps(files).encode(), {}, body)
        elif path.startswith(f"/api/models/{NAME}"):
            names = sorted(file.name for file in self.base.iterdir())
            self._send(200, json.dumps(self._info(names)).encode(), {}, body)
        elif path.startswith(f"/{NAME}/resolve/"):
            data = (self.base / path.rsplit("/", 1)[-1]).read_bytes()
            headers = {"ETag": f'"{hash(data):x}"', "X-Repo-Commit": "a" * 40}
            self._send(200, data, headers, body)
        else:
            self._send(404, b"", {"X-Error-Code": "RepoNotFound"}, body)

    @staticmethod
    def _file(path: Path) -> dict[str, object]:
        return {"type": "file", "path": path.name, "size": path.stat().st_size, "oid": "b" * 40}

    def _info(self, names: list[str]) -> dict[str, object]:
        return {"id": NAME, "sha": "a" * 40, "siblings": [{"rfilename": n} for n in names]}

    def _send(self, status: int, data: bytes, headers: dict[str, str], body: bool) -> None:
        self.send_response(status)
        for key, value in {**headers, "Content-Length": str(len(data))}.items():
            self.send_header(key, value)
        self.end_headers()
        if body:
            self.wfile.write(data)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def hub(base: Path) -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("ThisHub", (Hub,), {"base": base}))
    Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()


def fetched(endpoint: str, cache: Path, *names: str) -> list[str]:
    """What fetch_base says of each name, in a process that is not offline."""
    code = (
        "import sys\n"
        "from clara_model.base_models import fetch_base\n"
        "from clara_model.errors import BaseModelError\n"
        "for name in sys.argv[1:]:\n"
        "    try:\n        print('got', sorted(p.name for p in fetch_base(name).iterdir()))\n"
        "    except BaseModelError as error:\n        print(error)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, *names],
        capture_output=True,
        text=True,
        cwd=ROOT,
        timeout=60,
        check=False,
        env={
            "PATH": "/usr/bin:/bin",
            "HF_ENDPOINT": endpoint,
            "HF_HUB_CACHE": str(cache),
            "HF_HUB_DISABLE_XET": "1",
        },
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


def test_a_model_is_downloaded_once_and_refusals_say_what_to_do(
    hub: str, base: Path, hub_cache: Path
) -> None:
    others = [f"some-owner/{name}" for name in ("gated", "pickled", "portal", "unknown")]
    got, gated, pickled, portal, unknown = fetched(hub, hub_cache, NAME, *others)
    assert got == f"got {sorted(file.name for file in base.iterdir())}"
    assert "accept it on its page" in gated
    assert "no safetensors file" in pickled
    assert "HF_ENDPOINT" in portal
    assert "check its spelling" in unknown
    # A second time without the hub.
    [again] = fetched("http://127.0.0.1:9", hub_cache, NAME)
    assert again == got


def test_a_hub_that_does_not_answer_gives_the_sentence_that_helps(hub_cache: Path) -> None:
    [said] = fetched("http://127.0.0.1:9", hub_cache, NAME)
    for help_ in ("http://127.0.0.1:9", "HF_ENDPOINT", "cache folder", "a local folder"):
        assert help_ in said


def test_a_name_without_an_owner_is_not_said_to_be_on_the_hub() -> None:
    with pytest.raises(BaseModelError, match="a folder on another machine") as raised:
        resolve_base("a-base-of-another-machine")
    assert "prepare" not in str(raised.value)
    with pytest.raises(BaseModelError, match="`clara model prepare nobody/nothing-at-all`"):
        resolve_base("nobody/nothing-at-all")
