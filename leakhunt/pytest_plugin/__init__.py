"""The door to pytest: a fixture, two markers and a sweep of a whole suite. `plugin` has the hooks.

Nothing of leakhunt is imported before a test asks for it.
"""
