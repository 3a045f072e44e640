"""What a PromQL expression names: its series, and the labels that it needs of them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import promql_parser as promql

Series = dict[str, frozenset[str]]  # name -> labels
# Grafana's own variables and those of the dashboards, as one may stand for them; `.*` is what All is.
VARIABLES = {
    "$__rate_interval": "1m", "$__range": "1h", "$__interval": "15s", "$entity": ".*", "$currency": ".*", "$owner": ".*",
}  # fmt: skip


def replaced(expr: str, **others: str) -> str:
    """An expression of a dashboard with its variables replaced."""
    for name, value in {**VARIABLES, **{f"${name}": value for name, value in others.items()}}.items():
        expr = expr.replace(name, value)
    left = re.findall(r"\$\w+", expr)
    assert not left, (left, expr)
    return expr


def strangers(expr: str, known: Series) -> list[str]:
    """What an expression names that does not exist: series, or labels that what it names has not.

    ValueError for an expression that does not parse.
    """
    found: list[str] = []
    for node in nodes(promql.parse(expr)):
        match node:
            case promql.VectorSelector():
                labels = known.get(node.name, frozenset())
                found += [node.name] if node.name not in known else []
                found += [f"{node.name}{{{one.name}}}" for one in node.matchers.matchers if one.name not in labels]
            case promql.AggregateExpr() if node.modifier is not None:
                found += sorted(set(node.modifier.labels) - _labels(node.expr, known))
            case promql.BinaryExpr() if node.modifier is not None and node.modifier.matching is not None:
                both = _labels(node.lhs, known) & _labels(node.rhs, known)
                found += sorted(set(node.modifier.matching.labels) - both)
    return found


def labels_of(expr: str, known: Series) -> frozenset[str]:
    """The labels that a recorded series may have: those it is grouped by, else those of its series."""
    return _labels(promql.parse(expr), known)


def _labels(node: Any, known: Series) -> frozenset[str]:
    if isinstance(node, promql.AggregateExpr):
        if node.modifier is None:
            return frozenset()
        named, below = frozenset(node.modifier.labels), _labels(node.expr, known)
        return named if node.modifier.type == promql.AggModifierType.By else below - named
    if isinstance(node, promql.VectorSelector):
        return known.get(node.name, frozenset())
    return frozenset().union(*(_labels(child, known) for child in children(node)), frozenset())


def nodes(node: Any) -> Iterator[Any]:
    """A node and all below it."""
    yield node
    for child in children(node):
        yield from nodes(child)


def children(node: Any) -> list[Any]:
    """The nodes right below one."""
    if isinstance(node, promql.BinaryExpr):
        return [node.lhs, node.rhs]
    if isinstance(node, promql.Call):
        return list(node.args)
    if isinstance(node, promql.MatrixSelector):
        return [node.vector_selector]
    if isinstance(node, promql.AggregateExpr):
        return [node.expr] + ([node.param] if isinstance(node.param, promql.Expr) else [])
    if isinstance(node, promql.ParenExpr | promql.UnaryExpr | promql.SubqueryExpr):
        return [node.expr]
    return []
