"""The model of volume once more, slowly and in plain Python, from `docs/volume.md`; shares no code with the kernel."""

from __future__ import annotations

import math
from bisect import bisect_right
from collections import defaultdict
from dataclasses import dataclass, field

from domain.calendars import month_place, turn_of_year
from engine.features.day_model import EASE
from engine.features.day_quantiles import TABLE

DAY, HOUR = 86_400_000, 3_600_000
MEAN = [0.0, 0.1, 0.2, 0.1, 0.2, 0.1, 0.0]
WIDE = [0.0, 0.04, 0.09, 0.06, 0.12, 0.4, 0.64]
Value = float | None


def clip(value: float, low: float, high: float) -> float:
    return min(max(value, low), high)


def decades(view: int, z: float, special: bool) -> float:
    """By the shipped table: 1 at its first quantile, a quarter more at each, straight between and beyond."""
    table = TABLE[view][special]
    if z <= 0:
        return 0.0
    if z < table[0]:
        return z / table[0] + EASE[view]
    k = min(bisect_right(table, z) - 1, len(table) - 2)
    return EASE[view] + 1 + 0.25 * (k + (z - table[k]) / max(table[k + 1] - table[k], 0.05))


@dataclass
class Days:
    """What the model knows of a merchant's days."""

    kinds: dict[int, int]
    spread: float
    level: float = 0.0
    slow: float = 0.0
    fast: float = 0.0
    level_days: int = 0
    seen: int = 0
    open_days: int = 0
    quiet: int = 0
    longest: int = 0
    silence: float = 0.0
    week: list[float] = field(default_factory=lambda: [0.0] * 7)
    week_seen: list[int] = field(default_factory=lambda: [0] * 7)
    open: list[float] = field(default_factory=lambda: [0.9] * 7)
    kind: list[float] = field(default_factory=lambda: [0.0] * 7)
    kind_seen: list[int] = field(default_factory=lambda: [0] * 7)
    carry: float = 0.0
    carry_base: float = 0.0
    off4: float = 0.0
    off7: float = 0.0
    off14: float = 0.0
    width7: float = 0.03
    width14: float = 0.02
    width_slow: float = 0.06
    z: list[float] = field(default_factory=lambda: [0.0, 0.0])
    carried: list[float] = field(default_factory=lambda: [0.0, 0.0])
    below: list[bool] = field(default_factory=list)
    peaks: list[tuple[int, float]] = field(default_factory=list)

    def start(self, day: int, n: int) -> None:
        self.level = self.slow = self.fast = math.log(max(n, 0.5))
        self.level_days, self.open_days, self.seen = 1, int(n > 0), 1
        del day

    def of_weekday(self, weekday: int) -> float:
        noise, seen = self.spread + 0.02, min(self.week_seen[weekday], 6)
        if not seen:
            return 0.0
        known = [k for k in range(7) if self.week_seen[k] >= 2]
        strength = [max(self.week[k] ** 2 - noise / min(self.week_seen[k], 6), 0) for k in known]
        variance = (0.04 + sum(strength)) / (2 + len(known))
        own = self.week[weekday]
        if seen >= 3:
            variance = max(variance, 0.6 * (own * own - noise / seen))
        return own * variance / (variance + noise / seen)

    def of_rhythm(self, day: int) -> float:
        place = month_place(day)
        found = [size for then, size in self.peaks if day - then > 20 and month_place(then) == place]
        return min(found) if len(found) >= 2 else 0.0

    @property
    def share(self) -> float:
        return (self.carry + 0.35 * 0.25) / (self.carry_base + 0.25)

    def wide(self, kind: int) -> float:
        return WIDE[kind] * max(1 / (1 + self.kind_seen[kind]), 0.5)

    def of_kind(self, kind: int) -> float:
        return MEAN[kind] + self.kind[kind] if kind else 0.0

    def expect(self, day: int) -> tuple[float, float, float, float]:
        weekday, kind = (day + 3) % 7, self.kinds.get(day, 0)
        log = self.level + self.of_weekday(weekday)
        carry, lasting = self.share * self.off4, 0.7 * self.off7
        usual = log + self.of_kind(kind)
        high = max(max(log, usual) + max(carry, lasting, 0), log + self.of_rhythm(day))
        low = min(log, usual) + min(carry, lasting, 0)
        known = 1 + 1 / max(self.level_days, 1) + 0.5 / max(self.week_seen[weekday], 1)
        return usual + carry, high, low, self.spread * known + self.wide(kind)

    def judge(self, day: int, n: int, tick: float, of_tickets: float) -> list[float]:
        """The views of a day that ended, in deviations; then learn from it."""
        kind = self.kinds.get(day, 0)
        judged = self.seen >= 14 and self.open_days >= 7
        usual, high, low, variance = self.expect(day)
        views = [0.0] * 9
        if n <= 0:
            views[7] = self.shut(day, kind, low)
            return views if judged else [0.0] * 9
        idle, carry = self.quiet, self.share * self.off4
        expected = math.exp(usual - carry) + 0.5
        width = math.sqrt(1 / expected + variance)
        whole = math.log(n + 0.5) - math.log(expected)
        off = whole - min(max(whole, 0), self.of_rhythm(day))
        z = clip((off + tick - max(self.carried[1], 0)) / width, -3, 4) * (0.5 if kind > 2 else 1)
        up = with_tickets(deviations(n, high, variance), of_tickets)
        three = (z + sum(self.z)) / math.sqrt(3 * (1 + 2 * self.share))
        wake = up if idle >= 7 and n > 1.7 * math.exp(high) else 0.0
        views = [up, three, self.weeks(off + tick, width, 1), wake, -deviations(n, low, variance), -three,
                 self.weeks(off, width, -1), 0.0, self.fading()]  # fmt: skip
        peak = whole + self.of_kind(kind)
        self.learn(day, kind, n, off, tick, width, carry, z, 1 / expected)
        self.remember(day, peak, whole / width)
        return views if judged else [0.0] * 9

    def shut(self, day: int, kind: int, low: float) -> float:
        weekday = (day + 3) % 7
        if kind < 5 and not turn_of_year(day):
            chance = self.open[weekday]
            closed = max(1 - chance, math.exp(-chance * math.exp(min(low, 5))), 0.01)
            self.silence -= math.log10(max(closed, 0.7) if self.quiet else closed)
            self.quiet += 1
            if self.quiet <= 7:
                self.open[weekday] *= 1 - 1 / 6
        self.z = [0.0, self.z[0]]
        self.carried = [self.share * self.off4, self.carried[0]]
        return 0.0 if self.quiet > 60 else self.silence * (0.5 if self.quiet <= self.longest else 1)

    def weeks(self, off: float, width: float, sign: int) -> float:
        off = clip(off, -1, 1)
        found = [0.0]
        for gain, mean, variance in ((0.15, self.off7, self.width7), (0.08, self.off14, self.width14)):
            found.append(sign * (mean + gain * (off - mean)) / math.sqrt(variance + 0.125 * gain * width * width))
        return max(found)

    def fading(self) -> float:
        fall = self.slow - self.fast
        if self.open_days < 45 or sum(self.below[-14:]) < 12 or fall < 0.22:
            return 0.0
        return fall / math.sqrt(self.width_slow)

    def learn(
        self, day: int, kind: int, n: int, off: float, tick: float, width: float, carry: float, z: float, chance: float
    ) -> None:  # fmt: skip
        weekday = (day + 3) % 7
        if self.quiet:
            self.longest = max(self.longest, min(self.quiet, 60))
            if self.quiet > 7:
                self.level_days = min(self.level_days, 7)
            self.quiet = 0
        self.silence = 0.0
        self.open[weekday] += (1 - self.open[weekday]) / 6
        self.z, self.carried = [z, self.z[0]], [carry, self.carried[0]]
        self.open_days += 1
        if kind:
            gain = WIDE[kind] / (WIDE[kind] * (1 + self.kind_seen[kind]) + self.spread + chance)
            self.kind[kind] += gain * clip(off, -1, 1)
            self.kind_seen[kind] = min(self.kind_seen[kind] + 1, 20)
        if kind <= 2:
            self.learn_level(weekday, n, off, width, carry, chance)
        lasting = clip(off + tick, -1, 1) * (0.5 if kind > 2 else 1)
        self.off4 += 0.35 * (clip(off, -1, 1) - self.off4)
        self.off7 += 0.15 * (lasting - self.off7)
        self.off14 += 0.08 * (lasting - self.off14)
        self.width7 += (min(self.off7**2, 4 * self.width7) - self.width7) / 90
        self.width14 += (min(self.off14**2, 4 * self.width14) - self.width14) / 90

    def learn_level(self, weekday: int, n: int, off: float, width: float, carry: float, chance: float) -> None:
        most = 2.5 * width
        beyond, shown = clip(off - carry, -most, most), clip(off, -most - abs(carry), most + abs(carry))
        self.carry_base = self.carry_base * (1 - 1 / 60) + self.off4**2
        self.carry = clip(self.carry * (1 - 1 / 60) + self.off4 * shown, -0.35 * 0.25, 0.95 * self.carry_base)
        share = max(1 / (10 + self.open_days), 1 / 120)
        found = 1.1 * max(beyond**2 - chance, -0.5 * self.spread)
        self.spread = clip(self.spread + share * (found - self.spread), 0.004, 1.2)
        self.level_days = min(self.level_days + 1, 28)
        self.level = clip(self.level + clip(off, -most, most) / self.level_days, -5, 14)
        now = math.log(n + 0.5)
        own = now - self.of_weekday(weekday)
        self.slow += clip(own - self.slow, -1, 1) / min(self.open_days + 1, 90)
        self.fast += clip(own - self.fast, -1, 1) / min(self.open_days + 1, 12)
        self.width_slow += (min((self.fast - self.slow) ** 2, 4 * self.width_slow) - self.width_slow) / 60
        self.below.append(own < self.slow)
        self.week_seen[weekday] = min(self.week_seen[weekday] + 1, 200)
        moved = clip(now - self.level - self.week[weekday] - carry, -1, 1)
        self.week[weekday] += moved / min(self.week_seen[weekday], 6)

    def remember(self, day: int, off: float, z: float) -> None:
        if off < 0.47 or z < 2:
            return
        if len(self.peaks) == 8:
            self.peaks.remove(min(self.peaks, key=lambda peak: peak[1] - (day - peak[0]) / 400))
        self.peaks.append((day, off))


def deviations(n: float, log: float, variance: float) -> float:
    expected = math.exp(log) + 0.5
    return (math.log(n + 0.5) - math.log(expected)) / math.sqrt(1 / expected + variance)


def with_tickets(z: float, of_tickets: float) -> float:
    if of_tickets <= 0:
        return z
    square = z * abs(z) + of_tickets**2
    return math.copysign(math.sqrt(abs(square)), square)


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
    shape: list[float] = field(default_factory=lambda: [0.0] * 24)
    mu: float = 0.0
    sd: float = 0.0
    mean: float = 0.0
    tickets: float = 0.0
    model: Days = field(init=False)
    rise_days: int = 0
    before: float = 0.0
    missed: float = 0.0

    def __post_init__(self) -> None:
        self.model = Days(self.kinds, self.spread)

    @property
    def seen(self) -> int:
        return self.model.seen

    def cut(self, minor: int) -> float:
        log = math.log(max(minor, 1))
        return clip((log - self.mu) / self.sd, -2, 2) if self.sd else log

    def of_tickets(self, ticks: list[float]) -> float:
        if not ticks or sum(ticks) <= 0 or not self.sd:
            return 0.0
        return max(sum(ticks) / len(ticks) / math.sqrt(1 / len(ticks) + 0.04 + 1 / (1 + self.tickets)) - 0.5, 0.0)

    def sell(self, minor: int, at_ms: int, clock_ms: int) -> dict[str, Value]:
        """Take an approved sale in; the columns, but those of hours."""
        day, now = (at_ms + 8 * HOUR) // DAY, (clock_ms + 8 * HOUR) // DAY
        if not self.first:
            self.first = now
        elif now > self.last_sold:
            self.slept = min(now - self.last_sold - 1, 400)
        self.last_sold = max(self.last_sold, now)
        if now != self.today:
            self.today, self.usual = now, 0.0
            if self.seen:
                usual, self.high, _, self.wide = self.model.expect(now)
                self.usual = math.exp(usual)
        self.days[day].append(minor)
        newest = max([k for k in self.ticks if k % 2 == day % 2], default=-1)
        if day >= newest:
            self.ticks.setdefault(day, []).append(self.cut(minor))
        if not self.seen or len(self.days[day]) <= 2 * self.usual + 10:
            self.shape[(at_ms + 8 * HOUR) % DAY // HOUR] += 1
        if day != now:
            return {}
        found: dict[str, Value] = {"dormancy_d": self.slept}
        found |= self.ratios(day, now)
        if self.seen >= 7:
            found |= self.judge(day, minor)
        return found

    def judge(self, day: int, minor: int) -> dict[str, Value]:
        n, total = len(self.days[day]), sum(self.days[day])
        of_tickets, surprise = self.of_tickets(self.ticks[day]), 0.0
        if of_tickets > 0 or n > self.usual:
            z, special = with_tickets(deviations(n, self.high, self.wide), of_tickets), self.kinds.get(day, 0) > 2
            surprise = decades(0, z, special)
            if self.slept >= 7 and n > 1.7 * self.usual:
                surprise = max(surprise, decades(3, z, special))
        usual_minor = self.usual * self.mean
        return {
            "expected_1d": self.usual, "expected_minor_1d": usual_minor, "day_surprise": surprise,
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
            self.model.start(day, n)
            self.learn_tickets(day, mine)
            return found
        usual, _, _, v = self.model.expect(day)
        expected = max(math.exp(usual) * (1 if n else self.model.open[(day + 3) % 7]), 0.02)
        if self.seen >= 7:
            usual_minor = round(expected * self.mean)
            found |= {
                "expected_1d": expected, "expected_minor_1d": usual_minor, "excess_minor": max(0, total - usual_minor)
            }  # fmt: skip
            spread = math.log(1 + 1 / expected + v)
            low, high = (math.exp(math.log(expected) - spread / 2 + k * math.sqrt(spread)) for k in (-1.64485, 1.64485))
            found |= {"expected_low_1d": low, "expected_high_1d": high}
        if now >= day:
            found |= self.ratios(day, now)
        found |= self.judged(day, n, expected)
        if n:
            self.learn_tickets(day, mine)
        if self.model.quiet <= 7:
            self.shape = [each * (1 - 1 / 28) for each in self.shape]
        self.model.seen += 1
        return found

    def judged(self, day: int, n: int, expected: float) -> dict[str, Value]:
        ticks, tick = self.ticks.get(day, []), 0.0
        if ticks and self.sd:
            tick = max(0.0, self.sd * (sum(ticks) / len(ticks) - math.sqrt(1 / len(ticks) + 0.04)))
        quiet, judged = self.model.quiet, self.seen >= 14
        views = self.model.judge(day, n, tick, self.of_tickets(ticks))
        self.missed = self.missed + expected if self.model.quiet > quiet else 0.0 if n else self.missed
        self.rise_days = self.rise_days + 1 if self.model.off7 > 0.15 else 0
        if not self.rise_days:
            self.before = expected * self.mean
        if not judged:
            return {}
        scores = [decades(k, views[k], self.kinds.get(day, 0) > 2) for k in range(9)]
        rise, fall = max(0.0, *scores[:4]), max(0.0, *scores[5:7])
        return {
            "rise_score": rise, "rise_form": scores.index(rise) + 1 if rise > 0 else 0, "fall_score": fall,
            "closed_surprise": max(0.0, scores[0], scores[3]), "silence_score": scores[7], "decline_score": scores[8],
            "decline_ratio": math.exp(self.model.fast - self.model.slow), "volume_score": max(scores),
            "rise_d": self.rise_days, "rise_before_minor": self.before if self.rise_days else None,
            "quiet_d": self.model.quiet, "quiet_longest_d": self.model.longest, "missed_sales": self.missed,
        }  # fmt: skip

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
