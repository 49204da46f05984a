"""A visitor's own data: the door through which they come, what is shown of them, and how they leave."""
