"""What a person brings along from elsewhere, and takes away."""
