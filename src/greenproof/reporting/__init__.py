"""Voices: what people and programs are told. Consumers of values; they decide nothing."""
