"""数据来源: read a city's catalogue in whatever form it has, record by record."""
