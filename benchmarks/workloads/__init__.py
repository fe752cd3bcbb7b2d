"""The jobs that are measured, each a function that imports what it measures inside itself."""
