"""Who may come in: the people of a service, their credentials, and the door that recognises them.

Read `people` and `credentials` (what is stored), then `door` (what a request shows).
"""
