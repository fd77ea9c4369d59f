"""A Dockerfile, read as BuildKit reads it. Every word keeps its place; nothing is run or raised.

An own reader. Of the libraries there are, dockerfile-parse knows neither heredocs nor the escape
directive, and the one that wraps BuildKit's own parser tells lines, stops at the first mistake and
is there for one kind of machine only. The tests hold this reader against that one, and against an
engine.
"""

from kernelspec_lib.dockerfile.reader import Dockerfile, Heredoc, Instruction, Trouble, read
from kernelspec_lib.dockerfile.text import Text, Word

__all__ = ["Dockerfile", "Heredoc", "Instruction", "Text", "Trouble", "Word", "read"]
