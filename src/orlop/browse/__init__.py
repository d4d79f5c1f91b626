"""A terminal browser of images, on Textual: the extra ``orlop[tui]``."""
