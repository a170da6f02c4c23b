# flags: -X dev
for i in range(3):
    f = open("/dev/null")
del f
import sys; print(sys.flags.dev_mode)
