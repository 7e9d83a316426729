"""Tests: they mirror the tree; the simulators import nothing of ours."""
