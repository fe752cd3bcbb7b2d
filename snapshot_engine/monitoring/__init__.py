"""Watching a process's memory: readings -> history -> alerts and health -> sinks, exporters, dashboard.

Facts and judgements (`reading`, `history`, `alert_rules`, `health`, `metrics`)
touch no clock, thread or file; `service`, the sinks, the servers and the
command lines are thin shells around them.
"""
