from halving import place

numbers = [1, 3, 5, 7, 9, 11]
for index, number in enumerate(numbers):
    assert place(numbers, number) == index, number
assert place(numbers, 4) == -1
assert place(numbers, 12) == -1
assert place(numbers, 0) == -1
assert place([], 1) == -1
print("all fine")
