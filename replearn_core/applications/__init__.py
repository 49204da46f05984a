"""Representations at work: what learned codes are good for outside a lecture. One package or module an application."""
