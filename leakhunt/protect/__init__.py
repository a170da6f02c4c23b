"""What a long program calls to protect itself and its results. Standard library, and pandas only to export."""
