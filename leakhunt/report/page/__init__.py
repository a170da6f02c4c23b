"""The parts of the HTML report that are not Python: its style and the script that draws its charts."""
