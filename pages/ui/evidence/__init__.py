"""The parts of the evidence page: what is on screen, what is said of each claim, and how it is drawn."""
