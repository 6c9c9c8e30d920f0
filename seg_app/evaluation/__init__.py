"""How well a segmenter outlines what is clicked, measured by simulated clicks on labelled images.

Nothing is imported here: the command line needs the arguments of each command before it knows which one it runs.
"""
