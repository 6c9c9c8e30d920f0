"""Sets of the older tool beside those of an image."""

import pickle

import numpy as np
from masks import file_of

from seg_app.io.fileserver import FileServer
from seg_app.io.maskstore import MaskStore


def older_set(server: FileServer, name: str) -> None:
    """Keep a set as the older tool did: flat, whatever folder the image is in."""
    mask = {"segmentation": np.ones((60, 80), bool)}
    server.create(f"drops/ann/masks/{name}", pickle.dumps([mask]))


def test_sets_of_the_older_tool_come_after_those_of_the_image_and_are_told_apart(store: MaskStore, server: FileServer):
    own = store.save(file_of("samples/fib.tif"))
    for name in ("fib.pkl", "fib_2.pkl", "fibre.pkl", "fib_two.pkl", "fib.npz"):
        older_set(server, name)
    listed = store.list(file_of("samples/fib.tif").image)
    assert [(saved.path, saved.is_older) for saved in listed[:1]] == [(own, False)]
    assert {(saved.name, saved.number, saved.is_older) for saved in listed[1:]} == {
        ("fib.pkl", 0, True),
        ("fib_2.pkl", 2, True),
    }
    assert [mask.area for mask in store.load(listed[1].path).masks] == [4800]


def test_another_image_of_the_same_name_has_the_same_older_sets_alone(store: MaskStore, server: FileServer):
    store.save(file_of("samples/fib.tif"))
    older_set(server, "fib.pkl")
    assert [(saved.name, saved.is_older) for saved in store.list(file_of("lab/fib.png").image)] == [("fib.pkl", True)]


def test_older_sets_take_no_number_from_those_of_the_image(store: MaskStore, server: FileServer):
    older_set(server, "fib_7.pkl")
    assert store.save(file_of("samples/fib.tif")).endswith("/fib.npz")
