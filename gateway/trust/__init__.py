"""电子证照核验, pure: (bytes, trust snapshot, policy, moment) → report. No network, no clock, no log."""
