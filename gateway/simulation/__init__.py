"""模拟城市: plays a partner city from its profile alone. It shares our mapping code, so it proves nothing about it."""
