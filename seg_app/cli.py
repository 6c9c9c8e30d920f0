"""The command line: `serve` for people, `sam` for a model in a process of its own, `checkpoint` for its weights."""

from __future__ import annotations

import argparse
import gc
import ipaddress
import logging
import secrets
import socket
import sys
from collections.abc import Sequence
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from seg_app import convert
from seg_app.errors import SegAppError, SettingsError, StorageError
from seg_app.evaluation import command as evaluation
from seg_app.sam import command as checkpoints
from seg_app.settings import Settings
from seg_app.training import command as training
from seg_app.training import held_out

if TYPE_CHECKING:
    from seg_app.io import Shown
    from seg_app.io.tiled_process import TiledProcess


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; return the exit status. Errors of ours are one line, not a traceback."""
    options = _parser().parse_args(arguments)
    logging.basicConfig(level=logging.INFO if options.verbose else logging.WARNING, format="%(levelname)s %(message)s")
    try:
        options.command(Settings.read(), options)
    except SegAppError as error:
        sys.stderr.write(f"seg-app: {error}\n")
        return 1
    except KeyboardInterrupt:
        return 130
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="seg-app", description=__doc__)
    parser.add_argument("--version", action="version", version=f"seg-app {version('seg-app')}")
    parser.add_argument("--verbose", action="store_true", help="say more in the log")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    serve = commands.add_parser("serve", help="serve the app; settings come from the environment and .env")
    serve.add_argument("paths", nargs="*", metavar="PATH", help="images, and folders of images, to show as well")
    serve.set_defaults(command=_serve)
    for command, port in ((serve, None), (commands.add_parser("sam", help="serve SAM 2.1 to other processes"), 8001)):
        command.add_argument(
            "--host", default=None, help="address to listen on (default: SEG_APP_HOST or this machine)"
        )
        command.add_argument("--port", type=int, default=port, help="port to listen on")
    sam = commands.choices["sam"]
    sam.add_argument("--device", help="cuda, mps, cpu, or auto: the best there is (default: SEG_APP_DEVICE)")
    sam.set_defaults(command=_sam)
    evaluate = commands.add_parser("evaluate", help="measure how well simulated clicks outline labelled objects")
    evaluate.set_defaults(command=_evaluate)
    evaluation.add_arguments(evaluate)
    convert.add_command(commands)
    checkpoint = commands.add_parser("checkpoint", help="list, download and verify the official weights of SAM 2.1")
    checkpoints.add_arguments(checkpoint)
    checkpoint.set_defaults(command=lambda settings, options: checkpoints.run(settings.checkpoints, options))
    train = commands.add_parser("train-base", help="train the small model that the package brings along")
    training.add_arguments(train)
    train.set_defaults(command=lambda _, options: training.run(options))
    return parser


def _serve(settings: Settings, options: argparse.Namespace) -> None:
    host, port = options.host or settings.host, settings.port if options.port is None else options.port
    shown = _shown(options.paths)
    _check_address(host, port)
    login = _login(settings)
    origins = [name.strip() for name in settings.origins.split(",") if name.strip()]
    with _begun(settings, shown) as tiled:  # first: it has a processor of its own while this one imports Panel
        gc.disable()  # what is made until the first picture stays: looking through it again and again costs 1.5 s
        import panel as pn  # weight: 3 s, and only this command needs it

        from seg_app.app import lab_of, page, warm_up
        from seg_app.views import Reception

        reception = Reception()
        warm_up(partial(lab_of, settings, shown, tiled), then=_collect_garbage)
        called = "localhost" if host in ("127.0.0.1", "0.0.0.0") else host  # noqa: S104
        sys.stdout.write(f"seg_app is at http://{called}:{port}  (stop it with Ctrl+C)\n")
        sys.stdout.flush()
        pn.serve(
            {"/": lambda: page(settings, shown, reception, tiled)},
            extra_patterns=reception.routes,
            title="seg_app",
            address=host,
            port=port,
            show=False,
            verbose=False,
            websocket_origin=origins or _origins(host, port),
            # Level 1 costs 17 ms on a full overlay and makes it a tenth.
            websocket_compression_level=1,
            **login,
        )


def _begun(settings: Settings, shown: tuple[Shown, ...]) -> TiledProcess:
    """Begin the embedded Tiled server, and do not wait for it."""
    from seg_app.io import readable_folders  # weight: numpy, 0.2 s
    from seg_app.io.tiled_process import TiledProcess

    return TiledProcess(settings.home / "tiled", readable=readable_folders(settings.home, shown))


def _shown(paths: Sequence[str]) -> tuple[Shown, ...]:
    """Return what to show of the files here. Raises MissingError."""
    if not paths:
        return ()
    from seg_app.io import shown_folders  # weight: numpy, 0.2 s

    return tuple(shown_folders(paths))


def _collect_garbage() -> None:
    gc.freeze()  # what is there stays: it is never looked through again
    gc.enable()


def _check_address(host: str, port: int) -> None:
    """Raise SettingsError where nobody can listen: the web server would say it in forty lines."""
    try:
        with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as listener:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind((host, port))
    except (OSError, OverflowError) as error:
        reason = getattr(error, "strerror", None) or error
        raise SettingsError(
            f"Cannot listen on {host}:{port}: {reason}. Choose others by SEG_APP_HOST and SEG_APP_PORT."
        ) from error


def _origins(host: str, port: int) -> list[str]:
    """Return the names by which browsers may reach the server; behind another one, SEG_APP_ORIGINS says it."""
    if port == 0:
        return ["*"]
    names = _names_of_machine() if host == "0.0.0.0" else {host}  # noqa: S104
    return [f"{name}:{port}" for name in names | {"localhost", "127.0.0.1"}]


def _names_of_machine() -> set[str]:
    name = socket.gethostname()
    try:
        addresses = socket.gethostbyname_ex(name)[2]
    except OSError:  # a machine need not know its own address
        addresses = []
    return {name, socket.getfqdn(), *addresses}


def _login(settings: Settings) -> dict[str, Any]:
    if not settings.user_password:
        return {}
    user = settings.user_name or "user"
    return {
        "basic_auth": {user: settings.user_password.get_secret_value()},
        "login_template": str(Path(__file__).parent / "views" / "login.html"),  # Panel's own needs the internet
        "cookie_secret": _kept_secret(settings.home / "cookie_secret"),
    }


def _kept_secret(path: Path) -> str:
    """Return the secret that signs login cookies: the same after a restart, readable by its owner only.

    Raises StorageError.
    """
    try:
        if not path.exists() or not path.read_text():
            path.parent.mkdir(parents=True, exist_ok=True)
            path.touch(mode=0o600)
            path.write_text(secrets.token_hex(32))
        return path.read_text()
    except OSError as error:
        reason = f"Cannot keep '{path}': {error.strerror}."
        raise StorageError(f"{reason} Set SEG_APP_HOME to a folder that you may write to.") from error


def _sam(settings: Settings, options: argparse.Namespace) -> None:
    from seg_app.engine import best_engine
    from seg_app.sam.diskcache import DiskCache
    from seg_app.sam.server import create_app, serve

    host = options.host or settings.host
    token = settings.backend_token.get_secret_value() if settings.backend_token else None
    if not token and not _is_loopback(host):
        raise SettingsError(f"On {host} anybody could use the model. Set BACKEND_TOKEN, here and where the app runs.")
    chosen = settings.model_copy(update={"device": options.device or settings.device})
    segmenter = best_engine(chosen)  # never BACKEND_URL: that is this server
    sys.stderr.write(f"seg-app: {segmenter.name} is served.\n")
    windows = DiskCache(settings.cache / "windows", settings.cache_bytes // 4) if settings.cache_bytes else None
    serve(create_app(segmenter, token=token, shared=windows), host=host, port=options.port)


def _evaluate(settings: Settings, options: argparse.Namespace) -> None:
    from seg_app.engine import engine_of  # weight: numpy, 0.2 s

    forgetful = settings.model_copy(update={"cache_gb": 0.0})  # what was computed yesterday would look fast today
    evaluation.run(options, partial(engine_of, forgetful), keep=held_out if options.held_out else None)


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


if __name__ == "__main__":
    sys.exit(main())
