"""The same job on other engines, as a team would write it there without accrual: one program each, and what runs them."""
