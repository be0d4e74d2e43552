"""From audio to segments with speakers."""
