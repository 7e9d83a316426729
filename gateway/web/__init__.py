"""网页与接口: OpenAPI 3.1, problem+json, bearer tokens."""
