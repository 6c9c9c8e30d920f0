"""Serving an application on loopback, in this process; and nobody who serves."""

import socket
import threading
from contextlib import contextmanager

import uvicorn


@contextmanager
def running(app, port: int = 0):
    """Serve an application on loopback and yield its address."""
    server = uvicorn.Server(uvicorn.Config(app, log_level="warning", ws="none"))
    # listening from here on: clients wait in its queue until the server takes them
    listener = socket.create_server(("127.0.0.1", port))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
    thread.start()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join()
        listener.close()


def nobody() -> str:
    """Return an address where nothing listens."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return f"http://127.0.0.1:{listener.getsockname()[1]}"
