import sys
while True:
    sys.exit("a reason on stderr")
