"""The running app through HTTP: what it answers, what it refuses, what it leaves."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from tests.app.conftest import UPLOAD_LIMIT

httpx = pytest.importorskip("httpx", reason="comes with the extra `app`")

FILES = "gradio_api/file="
CREATE = [1.0, 1.0, 1.0, "faithful", "wide"]  # temperature, top-p, guidance, decoder, label


def posted(address: str, name: str, data: list[Any], *, session: str = "one") -> tuple[str, Any]:
    """Calls an event of the page as a program that is not bound to its components: (event, answer)."""
    body = {"data": data, "session_hash": session}
    call = httpx.post(f"{address}/gradio_api/call/{name}", json=body, timeout=60)
    assert call.status_code == 200, call.text
    events = httpx.get(f"{address}/gradio_api/call/{name}/{call.json()['event_id']}", timeout=60).text
    kind, answer = events.strip().split("\n\n")[-1].split("\n")[:2]
    return kind.removeprefix("event: "), json.loads(answer.removeprefix("data: "))


def uploaded(address: str, file: Path) -> dict[str, Any]:
    """Uploads a file; what an event takes of it."""
    answer = httpx.post(f"{address}/gradio_api/upload", files={"files": (file.name, file.read_bytes())})
    return {"path": answer.json()[0], "orig_name": file.name, "meta": {"_type": "gradio.FileData"}}


def test_a_program_creates_images(address: str) -> None:
    kind, (_, html) = posted(address, "create", [2, 7, *CREATE])
    assert kind == "complete"
    assert html.count("SYNTHETIC") == 2
    assert html.count(" wide<") == 2
    kind, answer = posted(address, "create", [2, 7, *CREATE[:-1], "tall"])
    assert (kind, "tall" in answer["error"]) == ("error", True)


def test_an_upload_is_scored_and_not_kept(address: str, scans: Path, tmp_path: Path) -> None:
    given = uploaded(address, scans / "s00_0.png")
    assert Path(given["path"]).is_file()
    assert posted(address, "score_upload", [given])[0] == "complete"
    assert not Path(given["path"]).exists()
    assert "Not calibrated" in posted(address, "score", [1])[1][0]
    kind, answer = posted(address, "score", [1], session="another")
    assert kind == "error"
    assert answer["error"] == "no scan is given; upload a NIfTI, DICOM, PNG or JPEG file"
    text = tmp_path / "text.png"
    text.write_text("no image")
    given = uploaded(address, text)
    kind, answer = posted(address, "score_upload", [given])
    assert kind == "error"
    assert answer["error"].startswith("text.png: not a PNG file")
    assert "Traceback" not in json.dumps(answer)
    assert not Path(given["path"]).exists()


def test_a_closed_page_is_forgotten(address: str, scans: Path) -> None:
    with httpx.stream("GET", f"{address}/gradio_api/heartbeat/closed", timeout=60) as page:
        lines = page.iter_lines()  # as long as it is there, the page is open
        assert next(lines) == "data: ALIVE"
        posted(address, "score_upload", [uploaded(address, scans / "s00_0.png")], session="closed")
        assert posted(address, "score", [1], session="closed")[0] == "complete"
    for _ in range(50):
        time.sleep(0.2)
        kind, answer = posted(address, "score", [1], session="closed")
        if kind == "error":
            break
    assert (kind, answer["error"][:16]) == ("error", "no scan is given")


def test_the_page_loads_nothing_from_elsewhere(address: str) -> None:
    answer = httpx.get(address)
    assert answer.status_code == 200
    policy = answer.headers["content-security-policy"]
    assert "default-src 'self'" in policy
    assert "http" not in policy
    assert answer.headers["cache-control"] == "no-store"
    for loaded in ('src="http', 'rel="stylesheet" href="http', "fonts.googleapis", "cdnjs"):
        assert loaded not in answer.text
    config = answer.text.partition("window.gradio_config = ")[2]
    assert '"analytics_enabled":false' in config.replace(" ", "")


def test_only_this_host_is_answered(address: str) -> None:
    assert httpx.get(address, headers={"Host": "localhost:7860"}).status_code == 200
    for other in ("evil.example", "evil.example:7860", "127.0.0.1.evil.example"):
        assert httpx.get(address, headers={"Host": other}).status_code == 400


def outside(run: Path) -> list[str]:
    root = "gradio_api/file"
    return [
        f"{FILES}/etc/hostname",
        f"{FILES}../../../../etc/hostname",
        f"{FILES}..%2f..%2f..%2f..%2fetc%2fhostname",
        f"{FILES}{run / 'recipe.toml'}",
        f"{FILES}{run}",
        f"{FILES}pyproject.toml",
        f"{FILES}file:///etc/hostname",
        f"{root}/..%2f..%2fetc/hostname",
        f"{root}//etc/hostname",
        "static/..%2f..%2f..%2fetc%2fhostname",
        "assets/..%2f..%2f..%2f..%2f..%2f..%2fetc%2fhostname",
        "gradio_api/proxy=http://example.org/",
        "gradio_api/stream/..%2f..%2fetc",
    ]


def test_no_path_from_outside_is_served(address: str, run: Path) -> None:
    host, port = address.removeprefix("http://").split(":")
    secrets = [Path("/etc/hostname").read_text().strip(), "[tokenizer]"]
    for path in outside(run):
        with socket.create_connection((host, int(port)), timeout=30) as plain:  # a path as it is written
            head = f"Host: {host}:{port}\r\nConnection: close"
            plain.sendall(f"GET /{path.replace(' ', '%20')} HTTP/1.1\r\n{head}\r\n\r\n".encode())
            with plain.makefile("rb") as reading:
                answer = reading.read().decode("utf-8", "replace")
        assert answer.split()[1] in ("400", "403", "404", "405"), (path, answer[:200])
        assert not any(secret in answer.partition("\r\n\r\n")[2] for secret in secrets if len(secret) > 3)


def test_no_path_from_outside_is_read_or_deleted(address: str, run: Path, scans: Path) -> None:
    for path in (run / "recipe.toml", scans / "s00_0.png"):
        file = {"path": str(path), "meta": {"_type": "gradio.FileData"}}
        kind, answer = posted(address, "score_upload", [file])
        assert kind == "error", (path, answer)
        assert "[tokenizer]" not in json.dumps(answer)
        assert path.is_file()


def test_no_address_is_fetched(address: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        listening.settimeout(0.5)
        url = f"http://127.0.0.1:{listening.getsockname()[1]}/scan.png"
        file = {"path": url, "url": url, "meta": {"_type": "gradio.FileData"}}
        kind, _ = posted(address, "score_upload", [file])
        assert kind == "error"
        with pytest.raises(TimeoutError):
            listening.accept()


def test_uploads_are_limited(address: str) -> None:
    for size, code in ((UPLOAD_LIMIT // 2, 200), (UPLOAD_LIMIT * 2, 413)):
        answer = httpx.post(f"{address}/gradio_api/upload", files={"files": ("a.png", bytes(size))})
        assert answer.status_code == code, answer.text
    names = httpx.post(f"{address}/gradio_api/upload", files={"files": ("../../../evil.png", b"a")})
    assert ".." not in names.text


@pytest.mark.slow
def test_the_command(
    run: Path, address: str, scans: Path, environment: dict[str, str], tmp_path: Path
) -> None:
    """It says where it is, warns of another host, ends by a signal, and leaves nothing behind."""
    environment = {**environment, "TMPDIR": str(tmp_path)}
    command = [sys.executable, "-m", "scanvq", "app", str(run), "--no-audit", "--host", "0.0.0.0"]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment
    ) as process:
        try:
            assert process.stdout is not None
            lines = [process.stdout.readline() for _ in range(2)]
            assert lines[0] == "nearest training scans are not shown: the app was started with --no-audit\n"
            assert lines[1].startswith("tiny run is at http://localhost:")
            own = lines[1].split()[4].rstrip("/").replace("localhost", "127.0.0.1")
            assert httpx.get(own, headers={"Host": "my.computer"}).status_code == 200
            posted(own, "codes_upload", [uploaded(own, scans / "s00_0.png")])
            kept = [path.name for path in tmp_path.rglob("*") if path.is_file()]
            assert "image.png" in kept  # the picture of the codes
            assert "s00_0.png" not in kept
            process.send_signal(signal.SIGTERM)
            out, err = process.communicate(timeout=60)
        finally:
            process.kill()
    assert (process.returncode, out) == (0, "ended; uploads and pictures are deleted\n")
    assert "warning: everyone who reaches 0.0.0.0 uses this page without a password" in err
    assert list(tmp_path.iterdir()) == []
    port = address.rsplit(":", 1)[1]
    done = subprocess.run(
        [*command[:-2], "--port", port], capture_output=True, text=True, env=environment, timeout=120
    )
    assert done.returncode == 2
    assert done.stderr.startswith("scanvq: the app cannot listen at 127.0.0.1: ")
    assert "Traceback" not in done.stderr


def test_without_the_extra_it_says_what_to_install(run: Path, environment: dict[str, str]) -> None:
    code = "import sys; sys.modules['gradio'] = None; from scanvq.cli.main import main; main()"
    done = subprocess.run(
        [sys.executable, "-c", code, "app", str(run)], capture_output=True, text=True, env=environment
    )
    assert (done.returncode, done.stdout) == (2, "")
    expected = 'the app needs the extra `app`, which is not installed: pip install "scanvq[app]"'
    assert done.stderr.strip() == f"scanvq: {expected}"
