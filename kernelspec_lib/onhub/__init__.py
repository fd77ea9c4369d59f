"""What is done on the hub's machine: its own work here, sent over ssh to any other.

Standard library only, importing nothing else of the house, in what a Python 3.8 understands: a hub
need not have this library. So values are plain here, and what is refused is one exception.
"""
