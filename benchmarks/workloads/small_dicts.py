"""Sixty turns, each of which builds and drops twenty thousand small dictionaries."""

import measured


def main():
    started = measured.now()
    for i in range(60):
        rows = [{"id": k, "turn": i, "name": f"row {k}"} for k in range(20_000)]
        total = sum(row["id"] for row in rows)
        measured.turn()
    measured.write(started)
    print(total)


if __name__ == "__main__":
    main()
