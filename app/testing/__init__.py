"""The service in a test's own process: what the fixture `todo` of the pytest plugin gives.

Read `service`, then `transport`.
"""
