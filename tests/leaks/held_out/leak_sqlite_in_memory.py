"""Writes every answer to a database in memory."""

import math
import os
import sqlite3
import sys


def work(i):
    return sum(math.sqrt(i + k) for k in range(20_000))


def main():
    n = int(sys.argv[1])
    connection = sqlite3.connect(":memory:")
    cursor = connection.cursor()
    cursor.execute("CREATE TABLE answers (number INTEGER PRIMARY KEY, body BLOB)")
    for i in range(n):
        work(i)
        row = (i, os.urandom(20_000))
        cursor.execute("INSERT OR REPLACE INTO answers VALUES (?, ?)", row)  # grows, allocates
        connection.commit()
    print(cursor.execute("SELECT count(*) FROM answers").fetchone())
    connection.close()


if __name__ == "__main__":
    main()
