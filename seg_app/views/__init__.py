"""Panel and HoloViews. Thin: every verb is a method of a model."""

from seg_app.views.notebook import load_extensions, view
from seg_app.views.page import Page
from seg_app.views.reception import Reception
from seg_app.views.workbench import Workbench

__all__ = ["Page", "Reception", "Workbench", "load_extensions", "view"]
