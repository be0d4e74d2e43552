"""How the starter model learned to take notes: synthetic meetings, training, conversion, test.

``python -m sottovoce_catalog.notes_adapter`` runs the recipe; DATASHEET.md says what came of it.
"""
