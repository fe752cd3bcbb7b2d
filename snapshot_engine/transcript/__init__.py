"""Bytes to cues to utterances: streaming, sans-IO, bounded."""
