"""Odd CSVs, each with what becomes of it: the CSVs of real shops, and files that are none at all."""

import random
from typing import Any

import httpx2
import pytest

from tests.unit.ingest.fakes import HEADER, csv_of
from tests.unit.ingest.test_submit_api import Api

URL = "https://a.example/1.jpg"
SEMICOLONS = "Serial Number;Product Name;Image URLs"
TABS = "Serial Number\tProduct Name\tImage URLs"
FOUR = "Serial Number,Product Name,Image URLs,Note\n"
PLAIN = {"encoding": "utf-8", "delimiter": ",", "line_ending": "\n", "bom": False}


def many_urls(count: int, separator: str = ",") -> str:
    return separator.join(f"https://a.example/{number}.jpg" for number in range(count))


TAKEN: list[tuple[str, str | bytes, dict[str, str], tuple[int, int], dict[str, Any]]] = [
    ("Excel, German", f"\ufeff{SEMICOLONS}\r\n1;Stühle, rot;{URL}\r\n", {}, (1, 1),
     {"delimiter": ";", "line_ending": "\r\n", "bom": True}),
    ("Excel, German, without Unicode", f"{SEMICOLONS}\r\n1;Stühle für 5 €;{URL}\r\n".encode("cp1252"),
     {"encoding": "cp1252"}, (1, 1), {"encoding": "cp1252", "delimiter": ";", "line_ending": "\r\n"}),
    ("Excel, French", f"{SEMICOLONS}\r\n1;Œuvre « été » à 1,50 €;{URL}\r\n".encode("cp1252"),
     {"encoding": "windows-1252"}, (1, 1), {"encoding": "cp1252", "delimiter": ";", "line_ending": "\r\n"}),
    ("Excel, Unicode text", f"{TABS}\r\n1\tStühle\t{URL}\r\n".encode("utf-16"), {}, (1, 1),
     {"encoding": "utf-16", "delimiter": "\t", "line_ending": "\r\n", "bom": True}),
    ("UTF-16, big end first", b"\xfe\xff" + csv_of(f"1,Stühle,{URL}").encode("utf-16-be"), {}, (1, 1),
     {"encoding": "utf-16", "bom": True}),
    ("UTF-8 with a mark, called cp1252", f"\ufeff{csv_of(f'1,é,{URL}')}", {"encoding": "cp1252"}, (1, 1),
     {"encoding": "utf-8", "bom": True}),
    ("latin-1", csv_of(f"1,Café,{URL}").encode("latin-1"), {"encoding": "latin-1"}, (1, 1), {"encoding": "iso8859-1"}),
    ("Cyrillic", csv_of(f"1,Стул,{URL}").encode("cp1251"), {"encoding": "cp1251"}, (1, 1), {"encoding": "cp1251"}),
    ("tabs", f"{TABS}\n1\tLamp, blue; new\t{URL}\n", {}, (1, 1), {"delimiter": "\t"}),
    ("carriage returns alone", HEADER.strip() + f"\r1,Lamp,{URL}\r2,Chair,{URL}", {}, (2, 2), {"line_ending": "\r"}),
    ("CRLF", csv_of(f"1,Lamp,{URL}").replace("\n", "\r\n"), {}, (1, 1), {"line_ending": "\r\n"}),
    ("mixed line endings", HEADER + f"1,a,{URL}\r\n2,b,{URL}\r3,c,{URL}\n", {}, (3, 3), {"line_ending": "\n"}),
    ("no line ending at the end", csv_of(f"1,Lamp,{URL}").rstrip("\n"), {}, (1, 1), {}),
    ("newlines in quotes", csv_of(f'1,"Lamp\nblue\r\nsmall",{URL}', f"2,b,{URL}"), {}, (2, 2), {}),
    ("quotes in quotes", csv_of(f'1,"the ""big"" lamp",{URL}'), {}, (1, 1), {}),
    ("everything in quotes", f'"Serial Number","Product Name","Image URLs"\n"1","Lamp","{URL}"\n', {}, (1, 1), {}),
    ("a comma in quotes", csv_of(f'1,"Lamp, blue",{URL}'), {}, (1, 1), {}),
    ("an empty quoted cell", FOUR + f'1,Lamp,{URL},""\n', {}, (1, 1), {}),
    ("JSON in a cell", FOUR + f'1,Lamp,{URL},"{{""a"": [1, ""b,c""]}}"\n', {}, (1, 1), {}),
    ("UTF-8 of four bytes", csv_of(f"1,Stuhl 🪑 ʤ,{URL}"), {}, (1, 1), {}),
    ("names from right to left", csv_of(f"1,كرسي أزرق,{URL}", f"2,כיסא,{URL}"), {}, (2, 2), {}),
    ("a name of direction marks", csv_of(f"1,\u202eabc\u202c,{URL}"), {}, (1, 1), {}),
    ("formulas", csv_of(f"1,=1+1,{URL}", f"2,@SUM(A1),{URL}", f"3,-5 %,{URL}", f"4,'x,{URL}"), {}, (4, 4), {}),
    ("blank lines", HEADER + f"\n\n1,Lamp,{URL}\n\n2,Chair,{URL}\n\n\n", {}, (2, 2), {}),
    ("blank lines above the header", "\n\r\n" + csv_of(f"1,Lamp,{URL}"), {}, (1, 1), {"line_ending": "\n"}),
    ("rows of commas at the end", csv_of(f"1,Lamp,{URL}", ",,", ", ,"), {}, (3, 1), {}),
    ("a line of blanks, and a row of too many commas", csv_of(f"1,Lamp,{URL}", "  ", ",,,,,,"), {}, (3, 1), {}),
    ("spaces around everything", f" serial number , PRODUCT NAME,Image  Urls \n 1 , Lamp , {URL} \n", {}, (1, 1), {}),
    ("aliases", f"S. No.,Product Name,Input Image Urls\n1,Lamp,{URL}\n", {}, (1, 1), {}),
    ("another order and further columns", f"Price,Image URLs,Product Name,Serial Number\n5,{URL},Lamp,1\n", {},
     (1, 1), {}),
    ("further columns of one name", f"{HEADER.strip()},Note,Note,\n1,Lamp,{URL},a,b,\n", {}, (1, 1), {}),
    ("a comma inside a URL", csv_of('1,Lamp,"https://a.example/w_1,h_2/1.jpg,https://a.example/2.jpg"'), {},
     (1, 2), {}),
    ("URLs joined by bars", csv_of(f"1,Lamp,{URL}|https://a.example/b|c.jpg|HTTP://a.example/3.jpg"), {}, (1, 3), {}),
    ("URLs on lines of their own", csv_of(f'1,Lamp,"{URL}\n{URL}\r\n{URL}"'), {}, (1, 3), {}),
    ("stray commas between URLs", csv_of(f'1,Lamp,",{URL},,{URL} , "'), {}, (1, 2), {}),
    ("a list of 500 URLs", csv_of(f'1,Lamp,"{many_urls(500)}"'), {}, (1, 500), {}),
    ("10,000 equal URLs", csv_of(*(f"{row},Lamp,{URL}" for row in range(10_000))), {}, (10_000, 10_000), {}),
    ("equal URLs in one row", csv_of(f'1,Lamp,"{URL},{URL},{URL}"'), {}, (1, 3), {}),
    ("a host that is not ASCII", csv_of("1,Lamp,https://bücher.example/ü.jpg"), {}, (1, 1), {}),
    ("a URL with spaces and brackets", csv_of("1,Lamp,https://a.example/a b [1].jpg"), {}, (1, 1), {}),
    ("a serial number of 100 digits", csv_of(f"{'9' * 100},Lamp,{URL}"), {}, (1, 1), {}),
    ("a long cell in a further column", FOUR + f"1,Lamp,{URL},{'x' * 130_000}\n", {}, (1, 1), {}),
    ("broken values, kept", csv_of("x,,nonsense", "x,Lamp,", f"1,Chair,{URL}"), {"on_invalid": "keep"}, (3, 2), {}),
]  # fmt: skip

REFUSED: list[tuple[str, str | bytes, dict[str, str], list[str]]] = [
    ("empty", "", {}, ["empty_file"]),
    ("only a mark", "\ufeff", {}, ["empty_file"]),
    ("only a mark of UTF-16", b"\xff\xfe", {}, ["empty_file"]),
    ("only blank lines", "\n\r\n\n", {}, ["empty_file"]),
    ("header only", HEADER, {}, ["no_rows"]),
    ("rows of commas only", csv_of(",,", ",,"), {}, ["no_images"]),
    ("no header", f"1,Lamp,{URL}\n2,Chair,{URL}\n", {}, ["missing_column"] * 3),
    ("a column is missing", f"Serial Number,Image URLs\n1,{URL}\n", {}, ["missing_column"]),
    ("a column stands twice", f"Serial Number,Product Name,Image URLs,image urls\n1,a,{URL},x\n", {},
     ["duplicate_column"]),
    ("Excel's line about the separator", f"sep=;\r\n{SEMICOLONS}\r\n1;a;{URL}\r\n", {}, ["missing_column"] * 3),
    ("too many columns", HEADER.strip() + ",x" * 300 + "\n", {}, ["too_many_columns"]),
    ("a cell too many", csv_of(f"1,Lamp, blue,{URL}"), {}, ["column_count"]),
    ("a cell too few", csv_of("1,Lamp", f"2,Chair,{URL}"), {}, ["column_count"]),
    ("a quote without end", csv_of(f'1,"Lamp,{URL}', f"2,Chair,{URL}"), {}, ["unterminated_quote"]),
    ("text after a quote", csv_of(f'1,"Lamp" blue,{URL}', f"2,Chair,{URL}"), {}, ["text_after_quote"]),
    ("NUL", csv_of(f"1,La\0mp,{URL}"), {}, ["nul_character"]),
    ("nothing but NUL", b"\0" * 5000, {}, ["nul_character"]),
    ("UTF-16 without a mark", csv_of(f"1,Lamp,{URL}").encode("utf-16-le"), {}, ["nul_character"]),
    ("UTF-16 cut off", csv_of(f"1,Lamp,{URL}").encode("utf-16")[:-1], {}, ["encoding"]),
    ("cp1252 that is not called so", csv_of(f"1,Café,{URL}").encode("cp1252"), {}, ["encoding"]),
    ("a workbook", b"PK\x03\x04\x14\x00\x06\x00" + b"\x9f\x00\xff" * 2000, {}, ["encoding"]),
    ("an old workbook", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 2000, {}, ["encoding"]),
    ("a picture", b"\xff\xd8\xff\xe0\x00\x10JFIF" + bytes(range(256)) * 9, {}, ["encoding"]),
    ("a page of HTML", "<!DOCTYPE html>\n<html><body>Not found</body></html>\n", {}, ["missing_column"] * 3),
    ("JSON", '[{"Serial Number": 1}]', {}, ["missing_column"] * 3),
    ("a very long cell", csv_of(f"1,{'x' * 200_000},{URL}"), {}, ["field_too_long"]),
    ("a very long row", HEADER.strip() + ",x" * 9 + "\n" + ",".join(["x" * 90_000] * 12) + "\n", {},
     ["record_too_long"]),
    ("a long name", csv_of(f"1,{'x' * 1001},{URL}"), {}, ["name_too_long"]),
    ("a long serial number", csv_of(f"{'9' * 101},Lamp,{URL}"), {}, ["serial_too_long"]),
    ("a long URL", csv_of(f"1,Lamp,https://a.example/{'x' * 5000}"), {}, ["url_too_long"]),
    ("too many URLs", csv_of(f'1,Lamp,"{many_urls(1001)}"'), {}, ["too_many_urls"]),
    ("serial numbers that are none", csv_of(*(f"{value},a,{URL}" for value in ("x", "1.5", "-3", "٣"))), {},
     ["not_an_integer"] * 4),
    ("a serial number twice", csv_of(f"7,a,{URL}", f"007,b,{URL}"), {}, ["duplicate"]),
    ("cells that are empty", csv_of(f",a,{URL}", f"2,,{URL}", "3,c,"), {}, ["required"] * 3),
    ("no URL at all", csv_of("1,a,n/a", "2,b,ftp://a.example/1.jpg", "3,c,//a.example/1.jpg"), {}, ["invalid_url"] * 3),
    ("URLs with a password", csv_of("1,a,https://u:p@a.example/1.jpg"), {}, ["invalid_url"]),
    ("URLs that no parser likes", csv_of("1,a,http://[::1", "2,b,http://", "3,c,https://a.example:99999/"), {},
     ["invalid_url"] * 3),
    ("semicolons and commas mixed up", f"{SEMICOLONS}\n1,Lamp,{URL}\n", {}, ["column_count"]),
    ("kept, but without one image", csv_of("1,a,", "2,b,"), {"on_invalid": "keep"}, ["required"] * 2),
]  # fmt: skip


async def posted(data: str | bytes, options: dict[str, str]) -> httpx2.Response:
    api = Api(max_bytes=5_000_000, max_images=20_000)
    content = data.encode("utf-8", "surrogatepass") if isinstance(data, str) else data
    return await api.post(files={"file": ("products.csv", content)}, params=options)


@pytest.mark.checklist("I4", "I7")
@pytest.mark.parametrize(
    ("data", "options", "counts", "csv"), [row[1:] for row in TAKEN], ids=[row[0] for row in TAKEN]
)
async def test_an_odd_csv_is_taken(
    data: str | bytes, options: dict[str, str], counts: tuple[int, int], csv: dict[str, Any]
) -> None:
    answer = await posted(data, options)
    assert answer.status_code == 202, answer.text
    body = answer.json()
    assert (body["rows"], body["images_total"]) == counts
    assert body["csv"] == {**PLAIN, **csv}


@pytest.mark.checklist("I4", "I5", "I6", "I7", "I8")
@pytest.mark.parametrize(("data", "options", "codes"), [row[1:] for row in REFUSED], ids=[row[0] for row in REFUSED])
async def test_an_odd_csv_is_refused(data: str | bytes, options: dict[str, str], codes: list[str]) -> None:
    answer = await posted(data, options)
    assert answer.status_code == 422, answer.text
    errors = answer.json()["errors"]
    assert [error["code"] for error in errors] == codes
    assert all(error["message"] for error in errors)


def test_the_table_is_long_and_no_row_stands_twice() -> None:
    names = [row[0] for row in TAKEN] + [row[0] for row in REFUSED]
    assert len(names) == len(set(names)) >= 40


async def test_whatever_is_sent_is_taken_or_refused_and_never_an_error_of_the_server() -> None:
    chance = random.Random(11)
    seeds = [csv_of(f'1,"La""mp",{URL}', f"2,é,{URL}").encode(), csv_of(f"1,a,{URL}").encode("utf-16"), b""]
    bits = [
        b'"',
        b",",
        b";",
        b"\t",
        b"\r",
        b"\n",
        b"\0",
        b"\xff",
        b"\xfe",
        b"\xed\xa0\x80",
        b"'",
        b"http://[",
        b"=",
        b"1" * 30,
    ]
    for _ in range(300):
        data = chance.choice(seeds)
        for _ in range(chance.randint(1, 6)):
            place = chance.randint(0, len(data))
            data = data[:place] + chance.choice(bits) + data[place + chance.randint(0, 3) :]
        options = {
            "on_invalid": chance.choice(["keep", "reject"]),
            "encoding": chance.choice(["utf-8", "cp1252", "euc_jp"]),
        }
        answer = await posted(data, options)
        assert answer.status_code in {202, 422}, (data, options, answer.text)
