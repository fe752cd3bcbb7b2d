"""Insights composed into a customer solution snapshot and rendered."""
