"""Backups of the whole database: made beside a running service, verified, and put back."""
