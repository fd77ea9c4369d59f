"""The one exception whose text a user reads in the notebook."""


class Refused(Exception):
    """This kernel cannot start, and its text says why and what to do."""
