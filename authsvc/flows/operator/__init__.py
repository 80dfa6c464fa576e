"""What an operator does with clients, people and sessions; registration of clients by themselves."""
