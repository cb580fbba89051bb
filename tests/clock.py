"""The clock and the ids of tests."""

from app.testing.clock import MONDAY, CountedIds, MovableClock

__all__ = ["MONDAY", "CountedIds", "MovableClock"]
