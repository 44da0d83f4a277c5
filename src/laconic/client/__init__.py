"""The way to a service: where it is, how to reach it, and what to ask of its session."""
