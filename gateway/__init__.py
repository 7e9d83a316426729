"""通办网关: rules, storage, delivery and the web, wired together in wiring."""
