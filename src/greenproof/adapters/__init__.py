"""Hands: everything that touches the system under test, the test command and the disk."""
