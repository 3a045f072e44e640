"""The rules of revenue accounting: money, windows, rating, positions, journal. Pure; standard library only."""
