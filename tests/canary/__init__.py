"""Nobody's content is kept: unique strings sent by every path, then sought in every byte."""
