"""Series: recurring tasks, their instances, and the one successor of each occurrence."""
