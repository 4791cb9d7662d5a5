"""Domains: each brings its tables, notations, features and task through one door."""
