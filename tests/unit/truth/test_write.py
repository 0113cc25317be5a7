"""What is written is a truth again, with all its columns and the splits."""

from __future__ import annotations

from pathlib import Path

import pytest

from vsearch.errors import UsageError
from vsearch.truth.read import pictures_of, read, read_sheet
from vsearch.truth.values import Captions
from vsearch.truth.write import as_csv, require_target, rows_with_splits, write

ODD = 'new\nline, "quoted" \udcff.jpg'


def test_all_columns_are_kept_and_paths_found_again(tmp_path: Path) -> None:
    source = tmp_path / "t.tsv"
    cell = ODD.replace('"', '""')
    source.write_bytes(
        f'id\timage\tcaption\n1\t"{cell}"\tOne\n2\t/b.jpg\tTwo\n3\tc.jpg\tThree\n'.encode(
            "utf-8", "surrogateescape"
        )
    )
    sheet = read_sheet(source)
    pictures = pictures_of(source, sheet)
    splits = {f"{tmp_path}/{ODD}": "test", "/b.jpg": "train"}  # none of c.jpg
    content = as_csv(rows_with_splits(sheet, pictures, splits, tmp_path))
    assert content.decode("utf-8", "surrogateescape") == (
        f'id,image,caption,split\n1,"{cell}",One,test\n2,/b.jpg,Two,train\n'
    )
    write(tmp_path / "split.csv", content)
    paths = (f"{tmp_path}/{ODD}", "/b.jpg")
    expected = Captions(paths, ("One", "Two"), (0, 1), ("test", "train"))
    assert read(tmp_path / "split.csv") == expected
    elsewhere = as_csv(rows_with_splits(sheet, pictures, splits, None))
    assert elsewhere.count(str(tmp_path).encode()) == 1


@pytest.mark.parametrize("end", ["\r", "\r\n", "\n"])
def test_ends_of_lines_in_cells_are_read_again(tmp_path: Path, end: str) -> None:
    source, picture = tmp_path / "t.csv", f"{tmp_path}/a{end}.jpg"
    row = (f"a{end}.jpg", f"one{end}two", f"x{end}")
    rows = [("path", "label", f"no{end}te"), row]
    source.write_bytes("".join(f'"{a}","{b}","{c}"\n' for a, b, c in rows).encode())
    sheet = read_sheet(source)
    for _ in range(2):  # what is written is split again
        content = as_csv(rows_with_splits(sheet, [picture], {picture: "test"}, tmp_path))
        source.write_bytes(content)
        sheet = read_sheet(source)
        assert sheet.columns.names == (*rows[0], "split")
        assert [tuple(cells) for cells in sheet.rows] == [(*row, "test")]
        assert pictures_of(source, sheet) == [picture]


def test_an_earlier_split_is_replaced_and_nothing_else(tmp_path: Path) -> None:
    place = tmp_path / "split.csv"
    place.write_text("path,split,label\na.jpg,old,x\n")
    sheet = read_sheet(place)
    require_target(place)
    picture = f"{tmp_path}/a.jpg"
    write(place, as_csv(rows_with_splits(sheet, [picture], {picture: "new"}, tmp_path)))
    assert place.read_bytes() == b"path,split,label\na.jpg,new,x\n"
    labels = tmp_path / "labels.csv"
    labels.write_text("path,label\na.jpg,x\n")
    refused = "what is there already is no split of CSV with"
    with pytest.raises(UsageError, match=refused):
        require_target(labels)
    with pytest.raises(UsageError, match=refused):
        write(labels, b"x")
    assert labels.read_text() == "path,label\na.jpg,x\n"
