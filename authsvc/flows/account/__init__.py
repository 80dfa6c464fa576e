"""What a person does with the own account."""
