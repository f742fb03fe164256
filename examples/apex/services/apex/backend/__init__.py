"""Threads, messages, agents and their runs."""
