"""压缩: bodies are kept as the sender's own bytes, zstd-compressed."""

import zstandard

_compressor = zstandard.ZstdCompressor(level=1)
_decompressor = zstandard.ZstdDecompressor()


def pack(body: bytes) -> bytes:
    """Compress."""
    return _compressor.compress(body)


def unpack(packed: bytes) -> bytes:
    """Decompress what `pack` made."""
    return _decompressor.decompress(bytes(packed))
