"""一致性检查: plays the gateway against a partner's test system, by its profile and the adapter contract alone."""
