"""The customer solution snapshot: composed from insights, rendered, and provable against its transcript."""
