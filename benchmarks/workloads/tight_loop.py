"""Twenty times a hundred and fifty thousand turns of a loop that does next to nothing."""

import measured


def main():
    total = 0
    started = measured.now()
    for i in range(20):
        for k in range(150_000):
            total += k & i
        measured.turn()
    measured.write(started)
    print(total)


if __name__ == "__main__":
    main()
