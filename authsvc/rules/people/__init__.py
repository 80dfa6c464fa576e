"""What a person may be, whoever adds them."""
