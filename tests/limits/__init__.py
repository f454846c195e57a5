"""Tests of what limits are made of."""
