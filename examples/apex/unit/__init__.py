"""Tests of single modules, without a service."""
