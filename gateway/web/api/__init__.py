"""业务接口 /v1: one file per kind of thing."""
