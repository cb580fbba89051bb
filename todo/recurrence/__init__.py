"""Recurrence rules (RFC 5545) and the schedule of a series, as pure functions without database or clock.

Read `rule` (the parsed rule), `calendar` and `sub_daily` (its wall times and instants), `expansion` (its dates in a
zone), `words` (its text in English), `schedule` (the next date in each mode).
"""
