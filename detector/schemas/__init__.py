"""Schemas of encoded values, from a registry with Confluent's API. Imported only where `input.encoding` asks for it."""
