"""The demo: real cloud usage as accrual's input, and what a person wants to see of the books it makes."""
