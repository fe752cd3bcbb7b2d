"""The proof: every claim of this project as a job that a sceptic can rerun."""
