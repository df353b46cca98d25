"""What people look at: the standings as a page of its own."""
