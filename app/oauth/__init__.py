"""The authorization server: programs that accept OAuth alone get a connection, with the person's consent."""
