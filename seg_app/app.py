"""What `panel serve` runs: settings -> what the lab shares -> a desk and a page for each browser tab."""

from __future__ import annotations

import html
import logging
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import panel as pn
import requests

from seg_app.engine import shelf_of
from seg_app.errors import SegAppError, SettingsError, StorageError
from seg_app.io import (
    Copies,
    Drops,
    EmbeddedTiled,
    LocalFolder,
    MaskStore,
    Shown,
    readable_folders,
    register_folder,
    register_paths,
)
from seg_app.io.beside import Beside, lab_at
from seg_app.io.drops_images import DropsImages
from seg_app.io.inbox import Inbox
from seg_app.io.maskstore import encoded
from seg_app.io.pyramid import Workshop
from seg_app.io.tiled import TiledSource
from seg_app.io.tiled_folder import TiledFolder
from seg_app.io.tiled_process import TiledProcess
from seg_app.models import NOBODY, Desk, Outboxes, Preferences
from seg_app.sam import Shelf
from seg_app.sam.diskcache import DiskCache
from seg_app.settings import Settings
from seg_app.views import Page, Reception, load_extensions
from seg_app.views.render import resample

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Lab:
    """What all users of one server process share."""

    source: TiledSource | Beside
    shelf: Shelf
    store: MaskStore
    home: Path
    workshop: Workshop | None
    outboxes: Outboxes
    drops: DropsImages | None = None


_LOCK = threading.Lock()
_LABS: dict[tuple[Settings, tuple[Shown, ...]], Lab] = {}


def lab_of(settings: Settings, shown: tuple[Shown, ...] = (), begun: TiledProcess | None = None) -> Lab:
    """Connect to the data that the settings name, once in a process; to the model on demand. Raises SegAppError.

    begun: the embedded Tiled server, where it was begun already.
    """
    with _LOCK:
        if (settings, shown) not in _LABS:
            store, drops = store_of(settings), drops_images_of(settings)
            shelf, kept = shelf_of(settings), workshop_of(settings)
            data = data_of(settings, shown, begun)  # last: another try must not leave a second embedded server
            outboxes = Outboxes(settings.home / "outbox", store, journals=settings.home / "journals")
            _LABS[settings, shown] = Lab(data, shelf, store, settings.home, kept, outboxes, drops)
            outboxes.resume()
        return _LABS[settings, shown]


def warm_up(connect: Callable[[], object], then: Callable[[], object]) -> None:
    """Get the data, and what pictures need, ready in a thread while the server starts; then go on."""

    def quietly() -> None:
        try:
            with ThreadPoolExecutor(1) as aside:  # compiling is mostly done outside of Python: beside the connecting
                compiled = aside.submit(resample, np.zeros((64, 64)), 2)
                connect()
                compiled.result()
        except SegAppError as error:  # the page of each visitor tries again, and shows it
            log.warning("%s", error)
        except Exception:  # the edge of the thread: what nobody foresaw must not vanish with it
            log.exception("The app could not prepare itself; the page of each visitor tries again.")
        finally:
            then()

    threading.Thread(target=quietly, name="seg-app-warm-up", daemon=True).start()


def data_of(
    settings: Settings, shown: tuple[Shown, ...] = (), begun: TiledProcess | None = None
) -> TiledSource | Beside:
    """Connect to the lab's Tiled server, where it is set, and start the embedded one with what is here beside it.

    Raises SegAppError.
    """
    if not settings.data_tiled_uri:
        return embedded_of(settings, shown, begun)
    key = settings.data_tiled_api_key
    secret = key.get_secret_value() if key else None
    lab = lab_at(settings.data_tiled_uri, api_key=secret, may_be_away=bool(shown))  # who named files gets these
    try:
        return Beside(lab, embedded_of(settings, shown, begun), here_first=bool(shown))
    except BaseException:
        lab.close()
        raise


def embedded_of(settings: Settings, shown: tuple[Shown, ...] = (), begun: TiledProcess | None = None) -> TiledSource:
    """Start the embedded Tiled server, or wait for the begun one, with the samples and `shown` files in it.

    Raises SegAppError.
    """
    samples = settings.home / "samples"
    try:
        samples.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        reason = f"Cannot make the folder '{samples}': {error.strerror}."
        raise StorageError(f"{reason} Set SEG_APP_HOME to a folder that you may write to.") from error
    server = begun or EmbeddedTiled.start(settings.home / "tiled", readable=readable_folders(settings.home, shown))
    try:
        source = server.connect()
        register_folder(source, samples)
        register_paths(source, shown)
    except BaseException:  # also Ctrl+C: nobody else knows of the server, and the next try starts its own
        server.stop()
        raise
    return source


def store_of(settings: Settings) -> MaskStore:
    """Return the place for masks: Tiled where it is set for them, else Drops, else a folder here.

    Raises SettingsError.
    """
    if settings.mask_tiled_uri:
        key = settings.mask_tiled_api_key
        folder = TiledFolder(settings.mask_tiled_uri, api_key=key.get_secret_value() if key else None)
        return MaskStore(folder, settings.masks_root or "")
    if drops := drops_of(settings):
        return MaskStore(drops, settings.masks_root or f"drops/{settings.drops_user}/masks")
    return MaskStore(LocalFolder(Path(settings.masks_root or settings.home / "masks")))


def workshop_of(settings: Settings) -> Workshop | None:
    """Return the place where the levels of large images are made and kept; None where nothing may be kept."""
    bound = settings.cache_bytes
    return Workshop(DiskCache(settings.cache / "levels", bound)) if bound else None


def drops_images_of(settings: Settings) -> DropsImages | None:
    """Return the images on Drops, None where it is not set. Raises SettingsError."""
    if drops := drops_of(settings):
        return DropsImages(drops, Copies(drops, settings.cache / "drops"), user=settings.drops_user)
    return None


def drops_of(settings: Settings) -> Drops | None:
    """Return a client of the lab's Drops server, None where it is not set. Raises SettingsError."""
    if not settings.drops_url:
        return None
    if not settings.drops_user:
        raise SettingsError("DROPS_URL is set without a user. Set DROPS_USER and DROPS_PASSWORD, or unset it.")
    password = settings.drops_password.get_secret_value()
    return Drops(requests.Session(), settings.drops_url, user=settings.drops_user, password=password)


def page(
    settings: Settings,
    shown: tuple[Shown, ...] = (),
    reception: Reception | None = None,
    begun: TiledProcess | None = None,
) -> Page:
    """Return the page of one browser tab, which connects while it is already shown; files come by the reception."""

    def open_desk() -> Desk:
        lab = lab_of(settings, shown, begun)
        outbox = lab.outboxes.of(user)
        desk = Desk(lab.source, lab.shelf.default, store=outbox, journals=lab.home / "journals", user=user)
        desk.shelf = lab.shelf
        desk.workshop = lab.workshop
        desk.drops = lab.drops
        if reception:
            desk.inbox = Inbox.of(lab.home, user)
            desk.show_inbox()
        return desk

    user = pn.state.user or settings.user_name or NOBODY
    load_extensions()
    tab = Page(open_desk, Preferences(settings.home / "preferences" / f"{encoded(user)}.json"), reception)
    pn.state.on_session_destroyed(lambda _: tab.close())
    return tab


def served_settings() -> Settings:
    """Read the settings for `panel serve`. Raises SettingsError when they ask for a login, which it has not."""
    settings = Settings.read()
    if settings.user_password:
        raise SettingsError("USER_PASSWORD works with `seg-app serve` only. Start that, or unset USER_PASSWORD.")
    return settings


def served_page() -> Page | pn.pane.Alert:
    """Return the page for `panel serve`, or what keeps it from being shown."""
    try:
        return page(served_settings())
    except SettingsError as error:
        return pn.pane.Alert(html.escape(str(error)), alert_type="danger")


if pn.state.served:
    # Panel empties the namespace of this script when the tab is closed: the page must come from the package.
    from seg_app.app import served_page as tab_page

    tab_page().servable()
