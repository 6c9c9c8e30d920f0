"""Files have the colours of the page."""

from seg_app import colours
from seg_app.views import theme


def test_objects_are_coloured_as_on_the_page():
    assert colours.OBJECTS == theme.OBJECTS
    assert all("#{:02x}{:02x}{:02x}".format(*colours.rgb_of(n)) == theme.colour_of(n) for n in range(50))


def test_classes_have_colours_by_their_order():
    assert colours.class_colours(["pore", "grain", "pore"]) == {"grain": (255, 140, 66), "pore": (76, 201, 240)}
