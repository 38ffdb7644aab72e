"""Measurements, not tests: `make bench`. Never asserted, always beside a floor measured in the same run."""
