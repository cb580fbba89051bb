"""What a call brings and how it is run: argument models, the lenient reader, `request_id`, confirmations."""
