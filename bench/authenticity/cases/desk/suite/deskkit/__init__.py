"""Helpers that the desk's end-to-end tests share."""
