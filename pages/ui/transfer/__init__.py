"""What pages/transfer.py shows: a race of strategies, the lecture's quadrant, layer transfer, and an adviser."""
