"""投递: one lane per city; every message ends in exactly one outcome."""
