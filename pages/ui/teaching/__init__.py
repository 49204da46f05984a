"""Teacher mode and class rooms: `teach=` and `room=` in the address, on every page."""
