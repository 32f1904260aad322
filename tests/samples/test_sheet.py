import csv
import io

from app.core.csvs import CsvStyle
from app.samples.sheet import HEADINGS, table


def test_a_table_comes_back_as_it_was_written_but_for_what_a_spreadsheet_would_run() -> None:
    rows = [
        ["H-1", "09001", "2026-11-20", "1.001193", "https://x/s/1", "2026-12-20T00:00:00+07:00"],
        ['=HYPERLINK("x")', "+1", "-1", "@x", "Xã “Tân, Lập”", ""],
    ]
    text = table(rows, CsvStyle()).decode("utf-8-sig")
    assert table([], CsvStyle()).startswith(b"\xef\xbb\xbfdossier_code,")
    assert list(csv.reader(io.StringIO(text))) == [
        list(HEADINGS),
        rows[0],
        ['\'=HYPERLINK("x")', "'+1", "'-1", "'@x", "Xã “Tân, Lập”", ""],
    ]
