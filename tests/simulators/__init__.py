"""Three partner cities as separate processes, written from docs/wire-formats.md and importing nothing of ours."""
