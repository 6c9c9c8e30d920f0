"""Which images are never trained on: the same ones everywhere, and for ever."""

import subprocess
import sys

from seg_app.training.split import held_out


def test_about_fifteen_of_a_hundred_images_are_held_out():
    kept = sum(held_out(f"image_{number}.png") for number in range(4000))
    assert 0.13 < kept / 4000 < 0.17


def test_the_folder_and_the_suffix_do_not_decide():
    assert len({held_out(name) for name in ("a/0289bd97e6.png", "labels/0289bd97e6.tif", "0289bd97e6")}) == 1


def test_images_never_change_sides():
    assert [number for number in range(30) if held_out(f"{number}.png")] == [0, 3, 4, 9, 13, 26, 28]


def test_the_split_needs_no_torch():
    code = "import sys, seg_app.training.split; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
