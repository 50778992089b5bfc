"""The trade model: which MCC a merchant's behaviour fits, learned from the habits of merchants of each MCC.

`docs/models.md` says what it learns from and what it cannot separate.
"""
