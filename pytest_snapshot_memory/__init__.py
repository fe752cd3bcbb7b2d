"""pytest plugin: memory limits, reports, baselines and regression gates."""
