"""Dated revisions, oldest first."""
