"""Look-ahead by a policy: later orders follow a rule that sees each path, and the first order is chosen by simulation.

`store` says which parts of a network are played like this and what they cost, `rules` are the ordering rules,
`simulation` plays them on many paths at once, and `planner` chooses the rule and then the order of a period.
"""
