"""Why a state directory is refused.

StateError
├── StateLocked      another process works on it: wait or stop that process
├── StateForeign     it is not ours, or of another version or shape: point --state elsewhere
├── StateBehind      it is older than the sink: a restored backup; never rewound silently
├── StateUnwritable  a write failed, as on a full disk: make room and run again, it resumes
└── StateDamaged     it does not read: rebuild from the source
"""


class StateError(Exception):
    """A state directory that cannot be used; the message names it and the remedy."""


class StateLocked(StateError):
    """Another process holds the directory."""

    def __init__(self, told: str, owner: int | None = None) -> None:
        """`owner`: its number, where it is known."""
        super().__init__(told)
        self.owner = owner


class StateForeign(StateError):
    """The directory belongs to something else, another format version or another number of shards."""


class StateBehind(StateError):
    """The sink holds records that this state never produced."""


class StateDamaged(StateError):
    """The store cannot be opened or a value cannot be read."""


class StateUnwritable(StateError):
    """A write to the store failed."""
