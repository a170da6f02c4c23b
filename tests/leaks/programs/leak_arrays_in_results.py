"""A list of results, each of which keeps the array it was computed from."""

import sys

import numpy as np


def main():
    n = int(sys.argv[1])
    random = np.random.default_rng(0)
    results = []
    for i in range(n):
        field = random.standard_normal(2_500)  # allocates
        spectrum = np.abs(np.fft.fft(np.outer(field[:250], field[:250])))
        results.append({"run": i, "peak": float(spectrum.max()), "field": field})  # grows
    print(len(results))


if __name__ == "__main__":
    main()
