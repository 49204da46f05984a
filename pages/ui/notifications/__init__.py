"""The notifications page's parts."""
