"""读取来源: the records of a catalogue file, whatever its form."""

from collections.abc import Callable, Iterator
from pathlib import Path

from adapters.normalization.source import Source
from adapters.sources.delimited import read_delimited
from adapters.sources.json_records import read_json
from adapters.sources.record import Place, Progress, Record
from adapters.sources.sheet_records import read_sheet
from adapters.sources.xml_records import read_xml

_READERS: dict[str, Callable[[Path, Source, Progress | None], Iterator[Record]]] = {
    "csv": read_delimited,
    "json": read_json,
    "sheet": read_sheet,
    "xml": read_xml,
}


def read_records(path: Path, source: Source, *, progress: Progress | None = None) -> Iterator[Record]:
    """记录: one by one, in the file's order.

    Raises SourceUnreadable, also in the middle: nothing may be kept of a file that was not read to its end.
    `progress` hears how much has been read, at most once per thousand records.
    """
    place = Place(path.name)
    reader = _READERS.get(source.format)
    if reader is None:
        place.fail(f"a source of format {source.format} is no file", f"格式为{source.format}的来源不是文件")
    try:
        if not path.is_file():
            place.fail("there is no such file", "文件不存在")
        if (size := path.stat().st_size) > source.max_bytes:
            place.fail(
                f"the file has {size} bytes, more than the limit of {source.max_bytes}",
                f"文件为{size}字节，超过上限{source.max_bytes}字节",
            )
        yield from reader(path, source, progress)
    except OSError as error:
        raise place.error(f"the file cannot be read: {error.strerror}", "文件无法读取") from error
