"""The deployment page's parts."""
