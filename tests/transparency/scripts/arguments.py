# args: --flag a=b -m
import sys, argparse
for a in sys.argv: print(a)
p = argparse.ArgumentParser(); p.add_argument("--other", required=True)
p.parse_args()
