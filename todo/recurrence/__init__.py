"""Recurrence rules (RFC 5545) and the schedule of a series; pure: no database, no clock.

Read `rule` (the parsed rule), `calendar` and `sub_daily` (its dates), `expansion` (dates in a zone), `wording` (in
words), `schedule` (which date comes next in each mode).
"""
