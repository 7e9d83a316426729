"""种子数据: the data the gateway starts with; README.md says what each file is and how sure we are of it."""
