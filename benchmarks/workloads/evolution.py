"""A differential evolution per turn: many short calls into numpy from a library's own loop."""

import measured
import numpy as np
from scipy.optimize import differential_evolution

GRID = np.linspace(0.01, 8.0, 4_000)


def energy(parameters, beta):
    core, amplitude = parameters
    density = amplitude * np.exp(-((GRID / core) ** 2))
    return float(np.sum((np.gradient(density) - beta * density**2) ** 2))


def main():
    started = measured.now()
    for turn in range(120):
        found = differential_evolution(
            energy,
            [(0.2, 3.0), (0.1, 4.0)],
            args=(2.6 + turn / 100,),
            maxiter=15,
            popsize=8,
            seed=turn,
            polish=False,
        )
        measured.turn()
    measured.write(started)
    print(found.fun >= 0)


if __name__ == "__main__":
    main()
