"""What is removed when it is old, and how large what is left is."""
