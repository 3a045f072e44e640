"""Why a source, a sink or a schema registry is refused.

ConnectorError
├── SourceUnusable        it is not there, has a shape we do not know, or is shorter than what was applied
│   ├── SourceChanged     what is to be read next is there no more: deleted, made anew, expired
│   └── SourceAway        nobody answers for now
├── SinkUnusable          it cannot be written, or what it holds does not go with the state
│   └── SinkAway          nobody answers for now, or nobody knows whether a commit was done
├── AccessRefused         credentials, certificates or rights do not do
├── RegistryUnreachable   the schema registry gives no answer now; later it may
└── RegistryRefuses       it answers that it does not take a schema, or does not have one that has to be there
"""


class ConnectorError(Exception):
    """A source or sink that cannot be used; the message names it and the remedy."""


class SourceUnusable(ConnectorError):
    """The source cannot be read as it stands."""


class SourceChanged(SourceUnusable):
    """The source is not what the state has read so far."""


class SourceAway(SourceUnusable):
    """Nobody answers for now: a service takes it up again from its state."""


class SinkUnusable(ConnectorError):
    """The sink cannot be written, or holds what it should not."""


class SinkAway(SinkUnusable):
    """Nobody answers for now, or nobody knows whether a commit was done: a service takes it up again from its state."""


AWAY = (SourceAway, SinkAway)


class AccessRefused(ConnectorError):
    """Whoever keeps the source or the sink does not let us in."""


class RegistryUnreachable(ConnectorError):
    """The schema registry gives no answer; whoever needs one waits and asks again."""


class RegistryRefuses(ConnectorError):
    """The schema registry does not take a schema, or lacks one that has to be there."""
