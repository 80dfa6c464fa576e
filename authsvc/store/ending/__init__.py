"""What receivers must still be told of ended sessions."""
