"""Probes: one look at one thing from the outside; each returns an answer or says why not."""
