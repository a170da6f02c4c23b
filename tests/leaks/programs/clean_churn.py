"""Makes and drops twenty thousand small dictionaries in each turn."""

import sys


def main():
    n = int(sys.argv[1])
    for i in range(n):
        rows = [{"id": k, "turn": i} for k in range(20_000)]
        total = sum(row["id"] for row in rows)
    print(total)


if __name__ == "__main__":
    main()
