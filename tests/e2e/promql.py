"""Looks into PromQL expressions."""

from collections.abc import Iterator
from datetime import timedelta
from typing import NamedTuple

import promql_parser as parser

Node = parser.Expr


class Selected(NamedTuple):
    """A selector of series, and what stands around it, the outermost first."""

    selector: parser.VectorSelector
    around: tuple[Node, ...]

    @property
    def name(self) -> str:
        return self.selector.name

    @property
    def matchers(self) -> set[tuple[str, str]]:
        return {(matcher.name, matcher.value) for matcher in self.selector.matchers.matchers}

    @property
    def window(self) -> timedelta | None:
        """Over which time it looks back, if it does."""
        return self.around[-1].range if self.around and isinstance(self.around[-1], parser.MatrixSelector) else None

    @property
    def function(self) -> str | None:
        """The function that takes it, over time or as it is."""
        within = self.around[:-1] if self.window else self.around
        return within[-1].func.name if within and isinstance(within[-1], parser.Call) else None


def below(node: Node) -> list[Node]:
    """What a node consists of."""
    match node:
        case parser.BinaryExpr():
            return [node.lhs, node.rhs]
        case parser.AggregateExpr():
            return [node.expr, *([node.param] if node.param is not None else [])]
        case parser.Call():
            return list(node.args)
        case parser.ParenExpr() | parser.UnaryExpr() | parser.SubqueryExpr():
            return [node.expr]
        case parser.MatrixSelector():
            return [node.vector_selector]
        case parser.VectorSelector() | parser.NumberLiteral() | parser.StringLiteral():
            return []
    raise TypeError(f"{type(node).__name__} is no node that this knows")


def nodes(expression: str) -> Iterator[tuple[Node, tuple[Node, ...]]]:
    """All nodes, each with those around it; raises ValueError where the expression is none."""

    def visit(node: Node, around: tuple[Node, ...]) -> Iterator[tuple[Node, tuple[Node, ...]]]:
        yield node, around
        for member in below(node):
            yield from visit(member, (*around, node))

    return visit(parser.parse(expression), ())


def selectors(expression: str) -> list[Selected]:
    return [Selected(node, around) for node, around in nodes(expression) if isinstance(node, parser.VectorSelector)]
