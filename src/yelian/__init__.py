"""Yelian (冶炼): one recipe in, one measured domain model out."""

__version__ = "0.1.0"
