"""Runners: the user's own test commands, started in the user's own environment."""
