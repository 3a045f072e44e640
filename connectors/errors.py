"""Why a source or a sink is refused.

ConnectorError
├── SourceUnusable     it is not there, has a shape we do not know, or is shorter than what was applied
│   └── SourceChanged  what is to be read next is there no more: deleted, made anew, expired
├── SinkUnusable       it cannot be written, or what it holds does not go with the state
└── AccessRefused      credentials, certificates or rights do not do
"""


class ConnectorError(Exception):
    """A source or sink that cannot be used; the message names it and the remedy."""


class SourceUnusable(ConnectorError):
    """The source cannot be read as it stands."""


class SourceChanged(SourceUnusable):
    """The source is not what the state has read so far."""


class SinkUnusable(ConnectorError):
    """The sink cannot be written, or holds what it should not."""


class AccessRefused(ConnectorError):
    """Whoever keeps the source or the sink does not let us in."""
