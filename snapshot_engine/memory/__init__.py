"""The measuring instrument: gauges, spans, budgets, limits. Knows no transcript and no pytest."""
