"""Loops that share a line of the source are told apart."""

from leakhunt.capture.rewrite import rewrite


class Site:
    def __init__(self, file, line, function, variables, loop_kind, shape):
        self.id = f"{file}:{line}:{function}"
        self.variables = variables


def test_a_loop_over_a_comprehension_on_its_line_has_its_own_id():
    sites = []

    def make_site(*facts):
        sites.append(Site(*facts))
        return sites[-1]

    rewrite("for lam in [i / 10 for i in range(60)]:\n    pass\n", "sweep.py", make_site)

    assert len({site.id for site in sites}) == 2
    assert {site.id.partition("sweep.py:")[2] for site in sites} == {"1:<module>", "1:<module>:2"}
