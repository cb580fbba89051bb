"""Times, titles and words as people write and read them, as pure functions.

Read `when` (dates, instants, durations), `display` (user text within sentences), `search_words` (folding for search).
"""
