"""Tables, rows and views, and the change that each write records together with its events."""
