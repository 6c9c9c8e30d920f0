"""What the list says about saving, loading and export."""

from builders import square
from threads import finish


def test_where_masks_go_is_said_then_where_they_are_then_that_they_changed(listed, bench):
    said = [listed._saved._where.text]
    bench.session.save()
    for masks in (bench.session.masks.masks[:0], bench.session.masks.masks[:1], bench.session.masks.masks):
        bench.session.masks.remove([mask.id for mask in masks])
        said.append(listed._saved._where.text)
    first = f"Not saved yet. Saves below {bench.session.store.where}"
    saved = f"Saved as array.npz · below {bench.session.store.where}"
    gone = "Nothing is outlined. array.npz has what was saved: Load brings it back."
    assert said == [first, saved, "Unsaved changes since array.npz", gone]


def test_loading_the_same_set_again_says_that_it_is_saved(listed, bench):
    path = bench.session.save()
    bench.session.undo()
    bench.session.load(path)
    assert listed._saved._where.text.startswith("Saved as array.npz · below ")


def test_what_a_format_cannot_keep_is_said_before_one_is_chosen(listed, bench):
    bench.session.masks.add([square(3, 4, 2)])  # on top of another one
    export = listed._saved.export
    export._open()
    finish(bench)
    said = {item["label"]: item["secondary"] for item in export._formats.items}
    assert said[".npz"] == "seg_app's own"
    assert said[".tif"].startswith("label TIFF · In 1 mask ")


def test_export_opens_with_what_each_format_cannot_keep_or_without_where_that_would_wait(listed, bench):
    export = listed._saved.export

    def told():
        assert export.dialog.open
        return next(item["secondary"] for item in export._formats.items if item["label"] == ".csv")

    export._open()
    finish(bench)
    with_losses = told()
    export.dialog.open = False
    bench.worker.doing = "Outlining"
    export._open()
    assert with_losses.startswith(f"{told()} · Outlines and clicks are in no table")
