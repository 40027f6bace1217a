"""Readers of topics, one a group, that take a turn when a test says so; and a producer that says things twice."""

from collections.abc import Awaitable, Callable, Sequence

from shared.events import Event
from shared.kafka.memory import MemoryBroker, MemoryFacts
from shared.kafka.records import Record
from shared.topics import Topic
from tests.faults.life import Killed, Life

Handle = Callable[[Sequence[Record]], Awaitable[None]]


class EchoingFacts(MemoryFacts):
    """Publishes what stands in some topics twice, as a producer does whose acknowledgement was lost."""

    twice: frozenset[Topic] = frozenset()

    async def publish(self, topic: Topic, *events: Event) -> None:
        for _ in range(2 if topic in self.twice else 1):
            await super().publish(topic, *events)


class Reader:
    """One group's only member. A process that dies is started again and gets the uncommitted record again."""

    def __init__(self, broker: MemoryBroker, topics: Sequence[Topic], made: Callable[[Life], Handle]) -> None:
        self._broker = broker
        self._topics = topics
        self._made = made
        self.positions = {topic.name: 0 for topic in topics}
        self.at_once = 1
        self.deaths = 0
        self.restart()

    def restart(self, *, ends_after: int | None = None) -> None:
        """Begin a new life: nothing is remembered but what is committed."""
        self.life = Life(ends_after=ends_after)
        self._handle = self._made(self.life)

    def rewind(self) -> None:
        """Lose the committed offsets."""
        self.positions = dict.fromkeys(self.positions, 0)

    def reads_last(self, topic: Topic) -> None:
        """Let everything else overtake a topic."""
        self.positions[topic.name] = self.positions.pop(topic.name)

    async def turn(self) -> bool:
        """Handle what comes next; False when nothing is there."""
        for topic, position in self.positions.items():
            batch = self._broker.records(topic)[position : position + self.at_once]
            if batch:
                await self._take(topic, batch)
                return True
        return False

    async def _take(self, topic: str, batch: Sequence[Record]) -> None:
        try:
            await self._handle(batch)
        except Killed:
            self.deaths += 1
            self.restart()
        else:
            self.positions[topic] += len(batch)
