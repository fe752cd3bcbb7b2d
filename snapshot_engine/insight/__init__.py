"""Annotated utterances folded into bounded tallies and best quotes."""
