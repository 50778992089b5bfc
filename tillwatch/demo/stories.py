"""What some merchants of the demonstration do: each one thing, large and plain.

The first begin within the history, the others while somebody watches.
"""

from __future__ import annotations

from domain.timestamps import HOUR_MS
from simulator.stories import Jump, Overcharge, Story, Surge

START_MS = 1_736_092_800_000 + 2 * HOUR_MS
"""A Monday on which a demonstration may begin; others are whole weeks from it. It is 2025-01-06 at midnight in Urumqi,
02:00 in the rest of China, so nobody's first day is but its last hours."""
HISTORY_H = 8 * 24 + 7
"""Hours that are written as fast as possible at first: a week by which volume is known, the day of a surge, and the
morning up to nine, when shops open."""

STORIES = (
    # 跳码: tickets of ¥10,000 at a jeweller's, sent as a charity's.
    Story(trade_mcc=5944, city="Hangzhou", sales_a_day=90, ticket_yuan=10_000, onset_h=8,
          deed=Jump(mcc=8398, share=0.6)),
    # The tariff of 0.63 % became 2.99 % + 3.
    Story(trade_mcc=7011, city="Guangzhou", sales_a_day=180, ticket_yuan=900, onset_h=10,
          deed=Overcharge(due_ppm=6_300, charged_ppm=29_900, fixed_minor=300)),
    # Prepaid cards of a spa, sent as a hospital's bills.
    Story(trade_mcc=7298, city="Shenzhen", sales_a_day=90, ticket_yuan=3_000, onset_h=40,
          deed=Jump(mcc=8062, share=0.6)),
    # Eight times the usual takings.
    Story(trade_mcc=5311, city="Chengdu", sales_a_day=110, ticket_yuan=400, onset_h=7 * 24, deed=Surge(times=8)),
    Story(trade_mcc=5045, city="Wuhan", sales_a_day=40, ticket_yuan=4_000, onset_h=82, deed=Jump(mcc=5722, share=0.5)),
    Story(trade_mcc=5533, city="Nanjing", sales_a_day=60, ticket_yuan=500, onset_h=100,
          deed=Overcharge(due_ppm=6_000, charged_ppm=12_000)),
    Story(trade_mcc=5812, city="Beijing", sales_a_day=100, ticket_yuan=350, onset_h=130,
          deed=Jump(mcc=5411, share=0.3)),
    Story(trade_mcc=5912, city="Shanghai", sales_a_day=150, ticket_yuan=80, onset_h=HISTORY_H, deed=Surge(times=8)),
    Story(trade_mcc=5999, city="Ningbo", sales_a_day=70, ticket_yuan=600, onset_h=HISTORY_H + 2,
          deed=Overcharge(due_ppm=5_800, charged_ppm=29_900, fixed_minor=300)),
    Story(trade_mcc=7298, city="Xian", sales_a_day=60, ticket_yuan=2_000, onset_h=HISTORY_H + 5,
          deed=Jump(mcc=5411, share=0.7)),
    Story(trade_mcc=5813, city="Chongqing", sales_a_day=80, ticket_yuan=1_200, onset_h=HISTORY_H + 9,
          deed=Jump(mcc=8211, share=0.5)),
    Story(trade_mcc=5814, city="Shanghai", sales_a_day=200, ticket_yuan=40, onset_h=HISTORY_H + 24,
          deed=Surge(times=8, days=2)),
)  # fmt: skip
