"""Where services run, behind one small interface."""
