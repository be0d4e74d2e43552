"""What talks to other applications."""
