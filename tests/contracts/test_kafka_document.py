"""docs/kafka.md says of each topic what the table of topics says."""

from pathlib import Path

from shared.topics import TOPICS, Topic

TEXT = (Path(__file__).resolve().parents[2] / "docs/kafka.md").read_text("utf-8")


def row(topic: Topic) -> str:
    events = ", ".join(f"`{event.TYPE}`" for event in topic.events)
    name = f"**`{topic.name}`**" if "users" in topic.readers else f"`{topic.name}`"
    return f"| {name} | {topic.key} | {events} | {topic.partitions} | {topic.kept.days} days |"


def test_the_table_has_a_row_for_each_topic_and_no_other() -> None:
    table = TEXT.partition("\n## Topics\n")[2].partition("\n## ")[0]
    rows = [line for line in table.splitlines() if line.startswith(("| `", "| **`"))]
    assert sorted(rows) == sorted(map(row, TOPICS))
