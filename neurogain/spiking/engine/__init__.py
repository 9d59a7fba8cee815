"""What runs any model in time: checks, drives, random bits, one compiled program, `simulate`."""
