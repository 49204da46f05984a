"""Guided lessons: their files, what they drive, the visitor's own result, the guide beside a page, and what is kept of it."""
