"""Exercises: one module a lesson, each a list of `Exercise` objects and one `Quiz`."""
