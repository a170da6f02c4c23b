"""The version, importable by anyone without loading the package's names."""

__version__ = "0.1.0"
