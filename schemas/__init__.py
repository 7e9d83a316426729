"""通办语言: the words all cities share. pydantic and the standard library only."""
