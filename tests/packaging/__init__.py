"""Tests of how the appliance is packaged and shipped."""
