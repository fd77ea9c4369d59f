"""Self-service Jupyter kernels: from one requirements.json to a kernel that runs."""

__version__ = "0.1.0"
