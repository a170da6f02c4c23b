"""Three million resident containers under a light loop: what a census of a big heap costs."""

import math

import measured


def main():
    resident = [[k] for k in range(3_000_000)]
    total = 0.0
    started = measured.now()
    for i in range(60):
        total += sum(math.sqrt(resident[(i * 7919 + k) % 3_000_000][0]) for k in range(150_000))
        measured.turn()
    measured.write(started)
    print(total > 0)


if __name__ == "__main__":
    main()
