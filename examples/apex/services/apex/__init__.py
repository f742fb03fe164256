"""Apex: a small, real multi-service AI platform."""
