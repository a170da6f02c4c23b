"""The loader's worker keeps every image that it has decoded."""

import sys
import time

import torch


class Images(torch.utils.data.Dataset):
    def __init__(self, count):
        self.count = count
        self.decoded = {}

    def __len__(self):
        return self.count

    def __getitem__(self, index):
        time.sleep(0.03)
        image = torch.rand(100_000)  # allocates
        self.decoded[index] = image  # grows
        return image[:10].clone()


def main():
    n = int(sys.argv[1])
    loader = torch.utils.data.DataLoader(Images(n), batch_size=1, num_workers=1)
    total = 0.0
    for batch in loader:
        total += batch.sum().item()
    print(total > 0)


if __name__ == "__main__":
    main()
