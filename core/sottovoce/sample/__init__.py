"""The bundled sample meeting: ``meeting.opus``, spoken from the script ``meeting.txt``."""
