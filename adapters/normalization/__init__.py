"""归一化: a city's own record of a service item becomes ours, with every loss counted. Pure."""
