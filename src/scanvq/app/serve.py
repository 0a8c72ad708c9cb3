"""Serves the app on this computer."""

from __future__ import annotations

import importlib.util
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from scanvq.app.limits import Limits
from scanvq.app.served_model import ServedModel
from scanvq.app.service import Service

LOOPBACK = ("127.0.0.1", "localhost", "::1")
"""Addresses that this computer alone reaches."""
_FOLDER = "GRADIO_TEMP_DIR"


class AppError(ValueError):
    """The app cannot be started."""


def require_gradio() -> None:
    """Raises AppError without the extra `app`."""
    if importlib.util.find_spec("gradio") is None:
        raise AppError('the app needs the extra `app`, which is not installed: pip install "scanvq[app]"')


@contextmanager
def running_app(
    served: ServedModel,
    *,
    compared: ServedModel | None = None,
    limits: Limits | None = None,
    host: str = "127.0.0.1",
    port: int | None = None,
) -> Iterator[str]:
    """Serves the app during a `with` block; then all of its files are deleted.

    Args:
        served: the model.
        compared: a second model, to compare it.
        limits: of requests; None = the defaults.
        host: address to listen at; 127.0.0.1 = this computer alone.
        port: None = the first free one from 7860.

    Yields:
        The address of the page.

    Raises:
        AppError: without Gradio, or the port is in use.
    """
    require_gradio()
    with tempfile.TemporaryDirectory(prefix="scanvq-app-") as folder, _environment(folder):
        from starlette.middleware import Middleware

        from scanvq.app.page import css, make_page, theme
        from scanvq.app.protection import Protection
        from scanvq.app.sessions import Sessions

        limits = limits or Limits()
        service = Service(served=served, compared=compared, limits=limits, folder=Path(folder))
        page, sessions = make_page(service), Sessions(Path(folder))
        with page:
            page.load(sessions.joined, api_visibility="private", queue=False)
            page.unload(sessions.left)
        hosts = (*LOOPBACK, "[::1]") if host in LOOPBACK else ()
        try:
            server, address, _ = page.launch(
                server_name=host,
                server_port=port,
                prevent_thread_lock=True,
                quiet=True,
                share=False,
                inbrowser=False,
                footer_links=[],
                run_history=False,
                enable_monitoring=False,
                ssr_mode=False,
                pwa=False,
                mcp_server=False,
                max_file_size=limits.upload_bytes,
                state_session_capacity=limits.sessions,
                theme=theme(),
                css=css(),
                app_kwargs={"middleware": [Middleware(Protection, hosts=hosts)], "docs_url": None},
            )
        except OSError as error:
            raise AppError(f"the app cannot listen at {host}: {error}") from None
        sessions.states = server.state_holder
        try:
            yield address
        finally:
            page.close(verbose=False)


@contextmanager
def _environment(folder: str) -> Iterator[None]:
    """Gradio's settings by the environment: our temporary folder, and no reports to anyone."""
    settings = {_FOLDER: folder, "GRADIO_ANALYTICS_ENABLED": "False", "HF_HUB_OFFLINE": "1"}
    before = {name: os.environ.get(name) for name in settings}
    os.environ.update(settings)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value
