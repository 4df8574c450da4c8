"""A headless Chromium driven over its debugging protocol, for tests that look at pixels."""

from __future__ import annotations

import base64
import io
import itertools
import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from PIL import Image
from websockets.sync.client import connect

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
MACOS_PATHS = (
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
    "/Applications/Chromium.app/Contents/MacOS/Chromium",
)
START_TIMEOUT_S = 60


def find_browser() -> str | None:
    """The path of a Chromium on this machine; CHROMIUM in the environment goes first."""
    if os.environ.get("CHROMIUM"):
        return os.environ["CHROMIUM"]
    found = next((path for path in map(shutil.which, NAMES) if path), None)
    if found is None and sys.platform == "darwin":
        found = next((path for path in MACOS_PATHS if Path(path).exists()), None)
    return found


class Browser:
    """One page of one browser. `environment` is added to the browser's own, for its fonts."""

    def __init__(self, program: str, home: Path, environment: dict[str, str] | None = None) -> None:
        self._program = program
        self._home = home
        self._environment = {**os.environ, **(environment or {})}
        self._numbers = itertools.count(1)

    def __enter__(self) -> Browser:
        self._home.mkdir(parents=True, exist_ok=True)
        self._log = open(self._home / "browser.log", "wb")
        self._process = subprocess.Popen(
            [
                self._program,
                "--headless=new",
                # The container's root user has no sandbox to give; the pages are our own.
                "--no-sandbox",
                "--disable-gpu",
                "--disable-dev-shm-usage",
                "--disable-background-networking",
                "--disable-component-update",
                "--no-first-run",
                "--hide-scrollbars",
                "--force-device-scale-factor=1",
                "--remote-debugging-port=0",
                f"--user-data-dir={self._home / 'profile'}",
                "about:blank",
            ],
            env=self._environment,
            stdout=self._log,
            stderr=self._log,
        )
        try:
            self._socket = connect(self._address(), max_size=None)
            target = self._send("Target.createTarget", {"url": "about:blank"})["targetId"]
            attached = self._send("Target.attachToTarget", {"targetId": target, "flatten": True})
            self._session = attached["sessionId"]
            self.command("Page.enable")
        except BaseException:
            self._stop()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.close()
        self._stop()

    def open(self, page: Path, width_px: int = 1200, dark: bool = False) -> None:
        """Load a file, all of it visible: the window is made as tall as the page."""
        scheme = [{"name": "prefers-color-scheme", "value": "dark" if dark else "light"}]
        self.command("Emulation.setEmulatedMedia", features=scheme)
        self._resize(width_px, 900)
        self.command("Page.navigate", url=page.resolve().as_uri())
        deadline = time.monotonic() + START_TIMEOUT_S
        while self.evaluate("document.readyState + location.protocol") != "completefile:":
            if time.monotonic() > deadline:
                raise TimeoutError(f"{page} did not load within {START_TIMEOUT_S} s")
            time.sleep(0.02)
        self.evaluate("for (const d of document.querySelectorAll('details')) d.open = true")
        self.evaluate("document.fonts.ready.then(() => 0)")
        self._resize(width_px, int(self.evaluate("document.documentElement.scrollHeight")))

    def evaluate(self, script: str) -> Any:
        """The value of an expression in the page, awaited where it is a promise."""
        answer = self.command(
            "Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=True
        )
        if "exceptionDetails" in answer:
            raise RuntimeError(json.dumps(answer["exceptionDetails"])[:2000])
        return answer["result"].get("value")

    def screenshot(self) -> Image.Image:
        """The whole page, a pixel a CSS pixel."""
        data = self.command("Page.captureScreenshot", format="png")["data"]
        return Image.open(io.BytesIO(base64.b64decode(data))).convert("RGB")

    def command(self, method: str, **parameters: Any) -> dict[str, Any]:
        return self._send(method, parameters, session=self._session)

    def _resize(self, width_px: int, height_px: int) -> None:
        self.command(
            "Emulation.setDeviceMetricsOverride",
            width=width_px,
            height=height_px,
            deviceScaleFactor=1,
            mobile=False,
        )

    def _send(
        self, method: str, parameters: dict[str, Any], session: str | None = None
    ) -> dict[str, Any]:
        number = next(self._numbers)
        message: dict[str, Any] = {"id": number, "method": method, "params": parameters}
        if session is not None:
            message["sessionId"] = session
        self._socket.send(json.dumps(message))
        while True:
            answer = json.loads(self._socket.recv(timeout=START_TIMEOUT_S))
            if answer.get("id") == number:
                if "error" in answer:
                    raise RuntimeError(f"{method}: {answer['error']['message']}")
                return answer["result"]

    def _address(self) -> str:
        """The debugging address, which the browser writes into its profile when it is ready."""
        note = self._home / "profile" / "DevToolsActivePort"
        deadline = time.monotonic() + START_TIMEOUT_S
        while time.monotonic() < deadline and self._process.poll() is None:
            lines = note.read_text().splitlines() if note.exists() else []
            if len(lines) == 2:
                return f"ws://127.0.0.1:{lines[0]}{lines[1]}"
            time.sleep(0.02)
        tail = (self._home / "browser.log").read_text(errors="replace")[-2000:]
        raise RuntimeError(f"{self._program} did not start: {tail}")

    def _stop(self) -> None:
        self._process.terminate()
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._log.close()
