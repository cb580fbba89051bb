"""The commands by which what is stored is kept, moved and looked at."""
