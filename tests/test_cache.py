"""Embeddings are worked out once: in memory within a number of bytes, then on disk, for all who ask at once."""

from concurrent.futures import ThreadPoolExecutor
from threading import Event

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from seg_app.sam.cache import Cache, CacheLimits, ContentKeys, Recent, SingleFlight, content_key
from tests.threads import until


def cache_of(folder=None, **limits):
    """Return a cache of arrays, which weigh their bytes."""
    return Cache(
        CacheLimits(folder, **limits),
        weigh=lambda array: array.nbytes,
        pack=lambda array: {"values": array},
        unpack=lambda arrays: arrays["values"],
    )


@pytest.fixture
def cache(tmp_path):
    return cache_of(tmp_path / "cache")


def never():
    raise AssertionError("it is there already")


# In memory


@given(st.lists(st.tuples(st.sampled_from("abcde"), st.integers(0, 12))))
def test_the_kept_values_never_weigh_more_than_the_limit(steps):
    recent = Recent(20, weigh=len)
    for key, length in steps:
        recent.keep(key, "x" * length)
        assert recent.weight == sum(len(recent.find(k) or "") for k in "abcde") <= 20


def test_what_is_above_the_limit_pushes_nothing_out():
    recent = Recent(20, weigh=len)
    recent.keep("a", "x" * 10)
    recent.keep("b", "x" * 21)
    assert (recent.find("a"), recent.find("b")) == ("x" * 10, None)


def test_five_hundred_values_stay_within_the_bytes_of_the_memory():
    cache = cache_of(memory_bytes=10_000)
    for i in range(500):
        cache.get(str(i), lambda: np.zeros(100))
    assert cache.memory_bytes == 9_600


# Keys


@pytest.fixture
def hashed(monkeypatch):
    """The arrays whose pixels are looked at."""
    seen = []
    monkeypatch.setattr("seg_app.sam.cache.content_key", lambda image: seen.append(image) or content_key(image))
    return seen


def read_only(*values):
    image = np.array(values, np.uint8)
    image.flags.writeable = False
    return image


def test_an_array_that_cannot_change_is_looked_at_once(hashed):
    keys, image = ContentKeys(), read_only(1, 2)
    assert keys.of(image) == keys.of(image) == content_key(image)
    assert len(hashed) == 1


@pytest.mark.parametrize("change", [lambda base: base, lambda base: base[:2]], ids=["its own", "a view"])
def test_an_array_that_may_change_is_looked_at_each_time(change):
    keys, base = ContentKeys(), np.array([1, 2, 3], np.uint8)
    image = change(base)
    image.flags.writeable = image is base
    before = keys.of(image)
    base[0] = 9
    assert keys.of(image) == content_key(image) != before


def test_an_array_that_has_gone_is_forgotten():
    keys = ContentKeys()
    for i in range(50):
        assert keys.of(read_only(i)) == content_key(read_only(i))
    assert len(keys) == 0


# On disk


def test_the_next_process_finds_what_was_made(cache, tmp_path):
    made = cache.get("key", lambda: np.arange(5.0))
    cache.flush()
    np.testing.assert_array_equal(cache_of(tmp_path / "cache").get("key", never), made)


def test_what_memory_has_let_go_of_is_on_disk(cache):
    cache.get("key", lambda: np.ones(3))
    cache.flush()
    cache.clear()
    assert (cache.memory_bytes, cache.get("key", never).tolist()) == (0, [1, 1, 1])


def test_a_bound_of_nothing_writes_nothing(tmp_path):
    cache = cache_of(tmp_path / "cache", disk_bytes=0)
    cache.get("key", lambda: np.ones(3))
    cache.flush()
    assert not (tmp_path / "cache").exists()


def test_a_value_that_cannot_be_packed_is_kept_in_memory_and_the_log_says_it(tmp_path, caplog):
    cache = Cache(CacheLimits(tmp_path), weigh=len, pack=lambda text: {"values": text.shape}, unpack=dict)
    cache.get("key", lambda: "text")
    cache.flush()
    assert cache.get("key", never) == "text"
    assert "was not kept on disk" in caplog.text


def test_nobody_waits_for_a_slow_disk(tmp_path):
    go, packed = Event(), []
    pack = lambda array: (packed.append(array), go.wait(), {"values": array})[-1]  # noqa: E731 - a slow one
    cache = Cache(CacheLimits(tmp_path), weigh=len, pack=pack, unpack=dict)
    for i in range(30):
        cache.get(str(i), lambda: np.ones(3))
    go.set()
    cache.flush()
    assert len(packed) == 8


# Once for all who ask


def test_threads_that_want_the_same_thing_have_it_made_once(cache):
    made, go = [], Event()

    def make():
        made.append(1)
        go.wait()
        return np.ones(3)

    with ThreadPoolExecutor(8) as pool:
        asked = [pool.submit(cache.get, "key", make) for _ in range(8)]
        until(lambda: made)
        go.set()
        assert len({id(future.result()) for future in asked}) == 1
    assert len(made) == 1


def test_an_error_reaches_all_who_wait_and_the_next_call_tries_again():
    flights, started, go = SingleFlight(), Event(), Event()

    def fail():
        started.set()
        go.wait()
        raise OSError("the device is gone")

    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(flights.do, "key", fail)
        started.wait()
        joining = Event()
        second = pool.submit(lambda: (joining.set(), flights.do("key", never))[-1])
        joining.wait()
        until(lambda: flights._flights["key"]._condition._waiters)
        go.set()
        assert all(isinstance(future.exception(), OSError) for future in (first, second))
    assert flights.do("key", lambda: 3) == 3


def test_different_things_do_not_wait_for_each_other():
    flights, started, go = SingleFlight(), Event(), Event()
    with ThreadPoolExecutor(1) as pool:
        slow = pool.submit(flights.do, "slow", lambda: (started.set(), go.wait())[-1])
        started.wait()
        assert flights.do("quick", lambda: 3) == 3
        go.set()
        assert slow.result()
