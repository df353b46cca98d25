"""The mathematical programs: stated in Pyomo, compiled to arrays, and solved by HiGHS for one decision or an episode.

From the statement to the solution: `path_program` states one path of demand, `path_form` compiles it to arrays,
`extensive_form` and `pooled_program` repeat it for many paths, `rolling_horizon` solves one program per decision,
`episode_program` and `sentiment_program` one for a whole episode, and `solver` is HiGHS.
"""
