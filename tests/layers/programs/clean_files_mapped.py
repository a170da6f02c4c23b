"""Maps one large file and reads another part of it in every turn."""

import math
import mmap
import pathlib
import sys
import tempfile


def work(i):
    return sum(math.sqrt(i + k) for k in range(60_000))


def main(n):
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder, "table.bin")
        path.write_bytes(bytes(131_072 * n))
        with open(path, "rb") as file, mmap.mmap(file.fileno(), 0, prot=mmap.PROT_READ) as table:
            for i in range(n):
                work(i)
                part = table[i * 131_072 : (i + 1) * 131_072]
                sum(part[::4096])


if __name__ == "__main__":
    main(int(sys.argv[1]))
