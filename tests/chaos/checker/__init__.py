"""Judges a run from outside: what it reads, it reads with clients of its own. Nothing here imports the system."""
