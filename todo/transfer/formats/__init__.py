"""The files of other products, read into drafts; pure."""
