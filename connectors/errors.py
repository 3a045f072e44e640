"""Why a source or a sink is refused.

ConnectorError
├── SourceUnusable   it is not there, has a shape we do not know, or is shorter than what was applied
└── SinkUnusable     it cannot be written, or what it holds does not go with the state
"""


class ConnectorError(Exception):
    """A source or sink that cannot be used; the message names it and the remedy."""


class SourceUnusable(ConnectorError):
    """The source cannot be read as it stands."""


class SinkUnusable(ConnectorError):
    """The sink cannot be written, or holds what it should not."""
