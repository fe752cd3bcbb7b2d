"""Entry point of the pytest plugin: hooks that call the rest."""
