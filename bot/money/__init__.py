"""The rules of money and limits, pure: what moves from where to where under which reference, and what is too much."""
