"""Draws a figure per turn with pyplot and never closes it."""

import sys
import warnings

import matplotlib

matplotlib.use("Agg")
from matplotlib import pyplot

warnings.filterwarnings("ignore", message="More than 20 figures")


def main():
    n = int(sys.argv[1])
    for i in range(n):
        figure, axes = pyplot.subplots(figsize=(2, 2))  # grows
        axes.plot(range(100))
        figure.canvas.draw()
    print(len(pyplot.get_fignums()))


if __name__ == "__main__":
    main()
