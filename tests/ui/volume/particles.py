"""The particles of the small volume: the plane that they are clicked on, and how one is accepted."""

Z = 2
"""The plane on view when the small volume is opened: the middle of four."""


def accept(tab, particle):
    """Click on a particle (label, x, y), wait for its outline, accept it."""
    _, x, y = particle
    before = len(tab.rows())
    tab.click_point(x, y)
    tab.outlined()
    tab.press("Enter")
    tab.wait_for_rows(before + 1)
