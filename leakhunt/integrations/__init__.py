"""Doors into other libraries' loops; each is loaded when it is asked for and needs its library."""
