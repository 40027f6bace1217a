from pathlib import Path

from deploy.embedded.log_files import cut_if_large, follow, last_lines


def test_the_last_lines_come_oldest_first(tmp_path: Path) -> None:
    log = tmp_path / "x.log"
    log.write_text("one\ntwo\nthree\n")
    assert last_lines(log, 2) == ["two", "three"]
    assert last_lines(log, 9) == ["one", "two", "three"]
    assert last_lines(tmp_path / "none.log", 2) == []


def test_a_large_log_is_cut_while_its_writer_goes_on(tmp_path: Path) -> None:
    log = tmp_path / "x.log"
    with log.open("a") as writer:
        print("x" * 100, file=writer, flush=True)
        assert not cut_if_large(log, 1000)
        assert cut_if_large(log, 50)
        print("after", file=writer, flush=True)
    assert log.read_text() == "after\n"
    assert (tmp_path / "x.log.1").read_text().startswith("xxx")


def test_following_sees_what_is_appended_also_after_a_cut(tmp_path: Path) -> None:
    log = tmp_path / "x.log"
    log.write_text("old\n")
    pieces = follow(log)
    assert next(pieces) == ""
    with log.open("a") as writer:
        writer.write("new\n")
    assert next(pieces) == "new\n"
    log.write_text("cut\n")
    assert next(pieces) == "cut\n"
