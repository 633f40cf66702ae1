"""What the tests are made of: the table of cases, gradient checks, comparisons that explain."""
