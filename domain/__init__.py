"""What is true: events, and the rules that decide them."""
