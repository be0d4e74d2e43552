"""A meeting while it goes on: captions of a recording in progress."""
