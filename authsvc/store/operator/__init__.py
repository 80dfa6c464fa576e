"""What only an operator adds."""
