"""Utterances to entities, in windows whose seams cannot be seen in the result."""
