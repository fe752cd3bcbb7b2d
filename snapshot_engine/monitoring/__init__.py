"""Readings over time: alerts, health, exporters, dashboard."""
