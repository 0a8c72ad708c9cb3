"""A small client of a headless Chromium: pages at a given width, their errors, sizes and pictures.

It speaks the DevTools protocol over a pair of pipes, so nothing but the browser itself is needed.
"""

from __future__ import annotations

import base64
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
# Chromium reads from file descriptor 3 and writes to 4.
LAUNCH = """
import os, sys
reading, writing = int(sys.argv[1]), int(sys.argv[2])
reading, writing = os.dup(reading), os.dup(writing)
while reading < 5 or writing < 5:
    reading, writing = os.dup(reading), os.dup(writing)
os.dup2(reading, 3)
os.dup2(writing, 4)
os.execvp(sys.argv[3], sys.argv[3:])
"""
# Elements whose box leaves the window, unless something around them scrolls or clips.
OUTSIDE = """
(() => {
  const found = [];
  for (const element of document.body.querySelectorAll('*')) {
    const box = element.getBoundingClientRect();
    if (!box.width || !box.height || (box.left >= -0.5 && box.right <= innerWidth + 0.5)) continue;
    let around = element.parentElement, held = false;
    for (; around && around !== document.body; around = around.parentElement)
      held ||= getComputedStyle(around).overflowX !== 'visible';
    if (!held) found.push(`${element.tagName}.${element.getAttribute('class')} ${box.left}..${box.right}`);
  }
  return {
    outside: found, wide: document.documentElement.scrollWidth, window: innerWidth,
    height: document.documentElement.scrollHeight,
    broken: [...document.images].filter((image) => !image.complete || !image.naturalWidth).length,
  };
})()
"""


def executable() -> str | None:
    """The Chromium that is installed; None without one."""
    return next((path for name in NAMES if (path := shutil.which(name))), None)


class Page:
    """A tab of a running browser."""

    def __init__(self, process: subprocess.Popen[bytes], reading: int, writing: int) -> None:
        self._process, self._reading, self._writing = process, reading, writing
        self._buffer, self._count, self._session = b"", 0, ""
        self.errors: list[str] = []
        target = self._call("Target.createTarget", {"url": "about:blank"})["targetId"]
        self._session = self._call("Target.attachToTarget", {"targetId": target, "flatten": True})[
            "sessionId"
        ]
        for domain in ("Page", "Runtime", "Log"):
            self._call(f"{domain}.enable")

    def open(self, file: Path, *, width: int, height: int = 900, dark: bool = False) -> None:
        """Loads a file in a window of that size and waits until it is there; forgets earlier errors."""
        self.errors.clear()
        size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False}
        self._call("Emulation.setDeviceMetricsOverride", size)
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self._call("Emulation.setEmulatedMedia", {"features": [scheme]})
        self._call("Page.navigate", {"url": file.resolve().as_uri()}, until="Page.loadEventFired")

    def measure(self) -> Mapping[str, Any]:
        """Elements outside the window, widths, height, broken images."""
        return self.evaluate(OUTSIDE)

    def evaluate(self, expression: str) -> Any:
        """The value of a JavaScript expression."""
        found = self._call("Runtime.evaluate", {"expression": expression, "returnByValue": True})
        assert "exceptionDetails" not in found, found
        return found["result"].get("value")

    def picture(self, *, whole: bool = False) -> bytes:
        """A PNG of the window, or of the whole page."""
        found = self._call("Page.captureScreenshot", {"captureBeyondViewport": whole})
        return base64.b64decode(found["data"])

    def pdf(self) -> bytes:
        """The page as it is printed."""
        return base64.b64decode(self._call("Page.printToPDF", {"printBackground": True})["data"])

    def close(self) -> None:
        """Ends the browser."""
        self._session = ""
        self._call("Browser.close")
        self._process.wait(timeout=60)

    def _call(
        self, method: str, values: Mapping[str, Any] | None = None, *, until: str = ""
    ) -> dict[str, Any]:
        self._count += 1
        number = self._count
        message = {"id": number, "method": method, "params": dict(values or {})}
        if self._session:
            message["sessionId"] = self._session
        os.write(self._writing, json.dumps(message).encode() + b"\0")
        result: dict[str, Any] | None = None
        while result is None or until:
            answer = self._next()
            self._note(answer)
            if answer.get("id") == number:
                assert "error" not in answer, (method, answer["error"])
                result = answer["result"]
            if answer.get("method") == until:
                until = ""
        return result

    def _note(self, answer: Mapping[str, Any]) -> None:
        values = answer.get("params", {})
        if answer.get("method") == "Runtime.exceptionThrown":
            self.errors.append(str(values["exceptionDetails"]))
        if answer.get("method") == "Runtime.consoleAPICalled" and values["type"] in ("error", "assert"):
            self.errors.append(str(values["args"]))
        if answer.get("method") == "Log.entryAdded" and values["entry"]["level"] in ("error", "warning"):
            self.errors.append(values["entry"]["text"])

    def _next(self) -> dict[str, Any]:
        while b"\0" not in self._buffer:
            part = os.read(self._reading, 2**20)
            assert part, f"the browser ended with {self._process.poll()}"
            self._buffer += part
        message, _, self._buffer = self._buffer.partition(b"\0")
        answer: dict[str, Any] = json.loads(message)
        return answer


@contextmanager
def browser(program: str, folder: Path) -> Iterator[Page]:
    """A running browser with one page.

    Args:
        program: the executable.
        folder: for its profile and its log.
    """
    its_reading, writing = os.pipe()
    reading, its_writing = os.pipe()
    options = [
        "--headless=new",
        "--no-sandbox",
        "--disable-gpu",
        "--disable-dev-shm-usage",
        "--no-first-run",
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-extensions",
        "--hide-scrollbars",
        f"--user-data-dir={folder / 'profile'}",
        "--remote-debugging-pipe",
    ]
    with (folder / "chromium.log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-c", LAUNCH, str(its_reading), str(its_writing), program, *options],
            pass_fds=(its_reading, its_writing),
            stdout=log,
            stderr=log,
        )
        os.close(its_reading)
        os.close(its_writing)
        try:
            page = Page(process, reading, writing)
            yield page
            page.close()
        finally:
            process.terminate()
            process.wait(timeout=60)
            os.close(reading)
            os.close(writing)
