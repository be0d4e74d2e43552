"""Watched folders: what is dropped into them becomes notes."""
