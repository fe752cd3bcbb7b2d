"""The measuring instrument: gauges, measurements, verdicts, and the toolkit for running code.

It knows no transcript and no pytest. One definition of "peak" serves decorator,
marker, alert and benchmark. Importing this package imports none of its modules:
the plugin pays in every run for what it loads.
"""
