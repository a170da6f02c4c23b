# stdin: alice\nbob\n3\n4\n5\n
import sys
name = input("name? ")
print("hello", name)
for i in range(1):
    print(input())
for line in sys.stdin:
    print("line", line.strip())
    if line.startswith("4"): break
print(sys.stdin.read())
input()
