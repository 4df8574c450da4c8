"""What a run did, for a person: report.html, the markdown artifact and the terminal summary.

Everything shown is computed once (`statistics.collect_facts`) and then only drawn, so that the
three places can never disagree. All text of documents is untrusted wherever it is shown.
"""
