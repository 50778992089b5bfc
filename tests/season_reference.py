"""The model of volume once more, slowly and in plain Python, from `docs/volume.md`; shares no code with the kernel."""

from __future__ import annotations

import math
from collections import defaultdict
from dataclasses import dataclass, field

DAY, HOUR = 86_400_000, 3_600_000
MEAN = [0.0, 0.1, 0.2, 0.1, 0.2, 0.1, 0.0]
WIDE = [0.0, 0.04, 0.09, 0.06, 0.12, 0.2, 0.64]
TEN = math.log(10)
Value = float | None


def clip(value: float, low: float, high: float) -> float:
    return min(max(value, low), high)


def evidence(n: float, expected: float, other: float, v: float) -> float:
    """How much likelier n is under `other` than under `expected`, negative binomial, natural logarithm."""
    size = 1 / v

    def log_p(mean: float) -> float:
        share = mean / (size + mean)
        return n * math.log(share) + size * math.log(1 - share)

    return log_p(other) - log_p(expected)


@dataclass
class Reference:
    """One merchant in Shanghai, told of its approved sales in order and of the ends of its days.

    Args:
        kinds: the kind of each local day that is not ordinary.
        hours: the peers' share of each hour.
        spread: the peers'.
        offset_ms: how long after 02:00 its days are closed.
    """

    kinds: dict[int, int]
    hours: list[float]
    spread: float
    offset_ms: int
    days: defaultdict[int, list[int]] = field(default_factory=lambda: defaultdict(list))
    """Amounts by local day, net of what was undone."""
    ticks: dict[int, list[float]] = field(default_factory=dict)
    raw: dict[int, list[float]] = field(default_factory=dict)
    first: int = 0
    last_sold: int = 0
    slept: int = 0
    today: int = -1
    seen: int = 0
    level: float = 0.0
    info: float = 0.0
    week: list[float] = field(default_factory=lambda: [0.0] * 7)
    kind: list[float] = field(default_factory=lambda: [0.0] * 7)
    kind_seen: list[int] = field(default_factory=lambda: [0] * 7)
    shape: list[float] = field(default_factory=lambda: [0.0] * 24)
    mu: float = 0.0
    sd: float = 0.0
    mean: float = 0.0
    tickets: float = 0.0
    rise: list[float] = field(default_factory=lambda: [0.0, 0.0])
    rise_days: int = 0
    before: float = 0.0
    fall: float = 0.0
    quiet: int = 0
    missed: float = 0.0
    longest: int = 0
    alarm: int = 0
    peak: float = 0.0

    def expect(self, day: int) -> float:
        kind = self.kinds.get(day, 0)
        of_kind = MEAN[kind] + self.kind[kind]
        return math.exp(self.level + self.week[(day + 3) % 7] + (max(0.0, of_kind) if kind >= 5 else of_kind))

    def variance(self, day: int, expected: float) -> float:
        kind = self.kinds.get(day, 0)
        info = expected / (1 + self.spread * expected)
        known = 1 / max(self.info, 0.5) + 1 / (11 + self.seen // 7 * info)
        return self.spread + known + WIDE[kind] * max(1 / (1 + self.kind_seen[kind]), 0.25)

    def cut(self, minor: int) -> float:
        log = math.log(max(minor, 1))
        return clip((log - self.mu) / self.sd, -2, 2) if self.sd else log

    def ticket_nats(self, ticks: list[float]) -> float:
        if not ticks or sum(ticks) <= 0 or not self.sd:
            return 0.0
        u = sum(ticks) / len(ticks)
        return u * u / (2 * (1 / len(ticks) + 0.04 + 1 / (1 + self.tickets)))

    def sell(self, minor: int, at_ms: int, clock_ms: int) -> dict[str, Value]:
        """Take an approved sale in; the columns, but those of hours."""
        day, now = (at_ms + 8 * HOUR) // DAY, (clock_ms + 8 * HOUR) // DAY
        if not self.first:
            self.first = now
        elif now > self.last_sold:
            self.slept = min(now - self.last_sold - 1, 400)
        self.last_sold = max(self.last_sold, now)
        usual = self.expect(now) if self.seen else 0.0
        if now != self.today:
            self.today, self.usual, self.wide = now, usual, self.variance(now, usual) if self.seen else 0.0
        self.days[day].append(minor)
        newest = max([k for k in self.ticks if k % 2 == day % 2], default=-1)
        if day >= newest:
            self.ticks.setdefault(day, []).append(self.cut(minor))
        if not self.seen or len(self.days[day]) <= 2 * self.usual + 10:
            self.shape[(at_ms + 8 * HOUR) % DAY // HOUR] += 1
        if day != now:
            return {}
        found: dict[str, Value] = {"dormancy_d": self.slept, "peak_ratio": math.exp(self.peak)}
        found |= self.ratios(day, now)
        if self.seen >= 7:
            found |= self.judge(day, minor)
        return found

    def judge(self, day: int, minor: int) -> dict[str, Value]:
        n, total = len(self.days[day]), sum(self.days[day])
        nats = evidence(n, self.usual, n, self.wide) if n > 1.5 * self.usual else 0.0
        nats += self.ticket_nats(self.ticks[day])
        usual_minor = self.usual * self.mean
        return {
            "expected_1d": self.usual, "expected_minor_1d": usual_minor, "day_surprise": nats / TEN,
            "excess_minor": clip(total - usual_minor, 0, minor),
        }  # fmt: skip

    def ratios(self, day: int, now: int) -> dict[str, Value]:
        """The day, and the week to it, against the 13 local weeks before."""
        start = (now // 7 - 12) * 7
        covered = min(day - start, day - self.first)
        if covered < 28:
            return {"ratio_90d": None, "ratio_week_13w": None}
        history = [each for k in range(max(start, 0), day) for each in self.days.get(k, [])]
        mine = self.days.get(day, [])
        week = sum(sum(self.days.get(k, [])) for k in range(day - 6, day + 1))
        found: dict[str, Value] = {"ratio_90d": None, "ratio_week_13w": None}
        if history:
            found["ratio_90d"] = max(len(mine) * covered / len(history), sum(mine) * covered / sum(history))
        rest = sum(history) + sum(mine) - week
        if covered >= 34 and rest > 0:
            found["ratio_week_13w"] = week / 7 / (rest / (covered - 6))
        return found

    def undo(self, minor: int, at_ms: int) -> None:
        day = (at_ms + 8 * HOUR) // DAY
        self.days[day].remove(minor)
        if day in self.ticks:
            self.ticks[day].remove(min(self.ticks[day], key=lambda u: abs(u - self.cut(minor))))

    def close(self, day: int, now: int) -> dict[str, Value]:
        """End a local day, the clock's day being `now`; the columns."""
        if not self.first or day < self.first:
            return {}
        mine = self.days.get(day, []) if now >= day else []
        n, total = len(mine), sum(mine)
        week = sum(sum(self.days.get(k, [])) for k in range(day - 6, day + 1)) // 7
        idle = day - self.last_sold if day > self.last_sold else int(n == 0)
        found: dict[str, Value] = {"closed_sales": n, "closed_minor": total, "week_minor_1d": week, "idle_d": idle}
        self.today = -1
        if not self.seen:
            self.start(day, mine)
            return found
        kind, expected = self.kinds.get(day, 0), max(self.expect(day), 0.02)
        v = self.variance(day, expected)
        ticks = self.ticks.get(day, [])
        u = sum(ticks) / len(ticks) if ticks else 0.0
        self.count_idle(kind, n, expected)
        judged = self.seen >= 14
        if judged and kind <= 2:
            self.weigh(n, expected, v, u)
        if self.seen >= 7:
            usual = round(expected * self.mean)
            found |= {"expected_1d": expected, "expected_minor_1d": usual, "excess_minor": max(0, total - usual)}
            spread = math.log(1 + 1 / expected + v)
            low, high = (math.exp(math.log(expected) - spread / 2 + k * math.sqrt(spread)) for k in (-1.64485, 1.64485))
            found |= {"expected_low_1d": low, "expected_high_1d": high}
        if now >= day:
            found |= self.ratios(day, now)
        if judged:
            rise = max(self.rise)
            found |= {
                "rise_score": rise, "rise_d": self.rise_days if rise else 0, "fall_score": self.fall,
                "rise_before_minor": self.before if rise else None, "quiet_d": self.quiet,
                "quiet_longest_d": self.longest, "missed_sales": self.missed,
            }  # fmt: skip
        if self.quiet <= 7:
            self.teach(day, kind, n, mine, expected, u)
        return found

    def start(self, day: int, mine: list[int]) -> None:
        n = max(len(mine), 0.5)
        self.level = math.log(n) - MEAN[self.kinds.get(day, 0)]
        self.info = 0.5 * n / (1 + self.spread * n)
        self.seen = 1
        self.learn_tickets(day, mine)

    def count_idle(self, kind: int, n: int, expected: float) -> None:
        if n:
            if self.quiet:
                self.longest = max(self.longest, min(self.quiet, 7))
            if self.quiet > 7:
                self.info *= 0.3
                self.rise, self.fall = [0.0, 0.0], 0.0
            self.quiet, self.missed = 0, 0.0
        elif kind < 5:
            self.quiet, self.missed = self.quiet + 1, self.missed + expected

    def weigh(self, n: int, expected: float, v: float, u: float) -> None:
        self.fall = clip(self.fall + clip(evidence(n, expected, 0.4 * expected, v), -3, 3), 0, 30)
        steps = [evidence(n, expected, 1.6 * expected, v), -2.5]
        if n:
            wide = 1 / expected + v + self.sd**2 * (1 / n + 0.04)
            d = math.log(1.6)
            steps[1] = d * (math.log(n / expected) + self.sd * u - d / 2) / wide
        if self.rise == [0.0, 0.0]:
            self.rise_days, self.before = 0, math.exp(self.level) * self.mean
        self.rise = [clip(s + clip(step, -2.5, 2.5), 0, 30) for s, step in zip(self.rise, steps, strict=True)]
        self.rise_days += 1

    def teach(self, day: int, kind: int, n: int, mine: list[int], expected: float, u: float) -> None:
        info = expected / (1 + self.spread * expected)
        off = clip(math.log((n + 0.5) / (expected + 0.5)), -1.5, 1.5)
        if kind and (n or kind < 5):
            self.kind[kind] += off * info / (1 / WIDE[kind] + (self.kind_seen[kind] + 1) * info)
            self.kind_seen[kind] = min(self.kind_seen[kind] + 1, 20)
        if kind <= 2:
            self.learn(kind, (day + 3) % 7, n, expected, info, off)
        self.peak *= 1 - 1 / 60
        if kind <= 2 and n:
            high = math.log((n + 1) / (expected + 1)) + max(0.0, self.sd * u)
            self.peak = max(self.peak, min(high, math.log(2.6)))
        self.learn_tickets(day, mine)
        self.shape = [each * (1 - 1 / 28) for each in self.shape]
        self.accept(day)
        self.seen += 1

    def learn(self, kind: int, weekday: int, n: int, expected: float, info: float, off: float) -> None:
        spread = self.spread
        wide = expected + spread * expected**2
        z = clip((n - expected) / math.sqrt(wide), -2.5, 2.5)
        self.info = self.info * (1 - 1 / 28) + info
        self.level = clip(self.level + z * math.sqrt(info) / self.info, -5, 14)
        weeks = min(self.seen // 7, 12)
        if kind == 0 and max(*self.rise, self.fall) < 5:
            step = clip(off, -1, 1) * info / (11 + (weeks + 1) * info)
            self.week[weekday] = clip(self.week[weekday] + step, -4, 3)
        if kind == 0 and weeks and expected >= 1:
            seen = (min((n - expected) ** 2, 6.25 * wide) - expected) / expected**2
            weight = (1 / expected + spread) ** -2
            self.spread = clip(spread + weight / (1400 + weight * min(self.seen, 60)) * (seen - spread), 0.02, 1)

    def learn_tickets(self, day: int, mine: list[int]) -> None:
        ticks = self.ticks.get(day, [])
        if not ticks or not mine:
            return
        count, u = len(ticks), sum(ticks) / len(ticks)
        square = sum(each**2 for each in ticks) / count - u * u
        if not self.sd:
            self.mu, self.sd = u, max(math.sqrt((square * count + 0.81 * 5) / (count + 5)), 0.2)
            self.mean, self.tickets = sum(mine) / len(mine), min(count, 500.0)
            for other in self.ticks:
                if other != day:
                    self.ticks[other] = [(each - self.mu) / self.sd for each in self.ticks[other]]
            return
        share = count / (self.tickets + count)
        step = share * u
        self.mu += self.sd * (clip(step, -0.1, 0.1) if self.tickets >= 100 else step)
        if count >= 5:
            self.sd = clip(self.sd * math.exp(clip(0.5 * share * (square / 0.92 - 1), -0.2, 0.2)), 0.1, 3)
        today = clip(sum(mine) / len(mine), self.mean / 3, self.mean * 3)
        self.mean += share * (today - self.mean)
        self.tickets = min(self.tickets + count, 500.0)

    def accept(self, day: int) -> None:
        if max(*self.rise, self.fall) < 9:
            self.alarm = 0
            return
        self.alarm += 1
        if self.alarm < 10 or self.quiet:
            return
        sold = sum(len(self.days.get(k, [])) for k in range(day - 6, day + 1))
        usual = sum(self.expect(k) for k in range(day - 6, day + 1))
        self.level += math.log((sold + 0.5) / (usual + 0.5))
        self.info, self.alarm, self.rise, self.fall = self.info / 2, 0, [0.0, 0.0], 0.0
