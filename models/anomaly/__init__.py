"""The anomaly model: how odd a merchant's habits are, against its peers and against its own usual ones.

`training.train` makes a `model.Model` of merchant-days; `Model.score` judges any merchant-day by itself.
"""
