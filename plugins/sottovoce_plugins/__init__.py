"""What brings audio in and shows suggestions."""
