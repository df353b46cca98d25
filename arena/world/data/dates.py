"""Dates in a table: read by the format that its author wrote, and the frequency and grid of periods behind them."""

from __future__ import annotations

import calendar
import datetime
import itertools
import re
from collections import Counter
from collections.abc import Sequence
from typing import Final, Literal, NamedTuple

from arena.errors import ABSENT, Fault
from arena.world.data.source import LONGEST_PERIOD, NUMBERED
from arena.world.data.text_table import in_yaml

_CLOCK: Final = r"[T ]([0-9]{2}:[0-9]{2}(?::[0-9]{2}(?:\.[0-9]+)?)?)(?:Z|[+-][0-9]{2}:?[0-9]{2})?"
_ISO: Final = re.compile(
    rf"([0-9]{{4}})-([0-9]{{2}})-([0-9]{{2}})(?:{_CLOCK})?"
    "|([0-9]{4})([0-9]{2})([0-9]{2})"
    "|([0-9]{4})-([0-9]{2})"
    "|([0-9]{4})-?W([0-9]{2})"
)
_MIDNIGHT: Final = re.compile(r"[0:.]*")
_WHOLE: Final = re.compile(r"[0-9]{1,9}")
_WITH_DAY: Final = re.compile(r"%[-#]?[djDxceFuwaA]")
_TEXTUAL: Final = re.compile(r"[0-9]{1,2}[-./ ][0-9]{1,2}[-./ ](?:[0-9]{4}|[0-9]{2})")
_LENGTHS: Final = {"day": 1, "week": 7}
_OF_A_MONTH: Final = range(29, 32)  # 28 days are four weeks, too
_QUARTER: Final = re.compile(r"[0-9]{4}[-/ ]?Q[1-4]|Q[1-4][-/ ]?[0-9]{2,4}", re.IGNORECASE)
_PREFIXED: Final = re.compile(r"([^0-9]+)[0-9]+")
_WORDED: Final = re.compile(r"%[-#]?[aAbB]")
_EXCEL_DAYS: Final = range(20_000, 80_000)

Resolution = Literal["day", "week", "month", "number"]


class Dates(NamedTuple):
    """Dates that were read.

    Attributes:
        numbers: the day (as `date.toordinal`), or the number of a numbered period, of every text.
        resolution: what a text names: a day, a week, a month, or a number.
    """

    numbers: list[int]
    resolution: Resolution


class Grid(NamedTuple):
    """The periods of a table.

    Attributes:
        start: name of the first period, as `DemandData.start`.
        frequency: as `DemandData.frequency`.
        periods: period of every date, counted from 0.
        length: number of periods.
    """

    start: str
    frequency: str
    periods: list[int]
    length: int


class DateFault(NamedTuple):
    """A fault of dates: the position of the offending text, or None, and the rest of a `Fault`."""

    position: int | None
    rule: str
    fix: str


def read_dates(texts: Sequence[str], date_format: str | None, *, are_headers: bool = False) -> Dates | DateFault:
    """Read every date.

    Args:
        texts: the texts, each once, at least one.
        date_format: as `DataSource.date_format`.
        are_headers: whether the dates are headers of columns.
    """
    if "" in texts:
        return DateFault(texts.index(""), "has no date", "write the date of every row, or remove rows that are sums")
    read = [_read(text, date_format) for text in texts]
    wrong = [position for position, one in enumerate(read) if isinstance(one, str)]
    if wrong:
        # The clock is looked at last: a text that is no date at all says more.
        first = next((position for position in wrong if read[position] == "date"), wrong[0])
        if read[first] == "clock":
            rule = "has a time of the day, and the shortest period is a day"
            return DateFault(first, rule, "add the values of a day up, and write dates without a time")
        return _unread(texts, wrong, first, date_format, are_headers=are_headers)
    dates = [one for one in read if not isinstance(one, str)]
    resolutions = {resolution for _, resolution in dates}
    if len(resolutions) > 1:
        other = next(position for position, (_, one) in enumerate(dates) if one != dates[0][1])
        rule = f"names a {dates[other][1]}, and {texts[0]} names a {dates[0][1]}"
        return DateFault(other, rule, "write all dates in one way")
    return Dates([number for number, _ in dates], dates[0][1])


def _unread(
    texts: Sequence[str], wrong: Sequence[int], first: int, date_format: str | None, *, are_headers: bool
) -> DateFault:
    """Return the fault of texts that are no dates as they are expected; the first one is shown."""
    text = texts[first]
    share = f" ({len(wrong)} of {len(texts)} dates)" if len(wrong) > 1 else ""
    prefix = _PREFIXED.fullmatch(text)
    if len(wrong) < len(texts) and not any(map(str.isdigit, text)):
        fix = "remove the row if it is a sum or a note"
        if are_headers:
            fix = "write last_date_column: HEADER to leave out a sum or a note"
        return DateFault(first, f"is not a date{share}", fix)
    if are_headers and prefix is not None and (date_format in (None, NUMBERED)) and not _QUARTER.fullmatch(text):
        rule = f"is not a date, nor the number of a period{share}"
        return DateFault(first, rule, f"write date_prefix: {in_yaml(prefix[1])} and date_format: number")
    if date_format == NUMBERED:
        return DateFault(first, f"does not match date_format: number, a whole number{share}", _advice(text))
    if date_format is not None:
        fix = "write the format of the dates as they are, or mend the dates"
        if _WORDED.search(date_format):
            fix += "; names of months and days are the English ones"
        return DateFault(first, f'does not match date_format: "{date_format}"{share}', fix)
    if _ISO.fullmatch(text):
        return DateFault(first, f"is no day, week or month of the calendar{share}", "mend it")
    rule = f"is not an ISO date such as 2024-01-31, and no date_format is written{share}"
    if 2 * len(wrong) < len(texts):
        return DateFault(first, rule, "mend it; the other dates are ISO")
    if len(wrong) < len(texts):
        other = next(one for position, one in enumerate(texts) if position not in wrong)
        rule = f"dates are written in several ways: {other} is an ISO date, and this is not{share}"
        return DateFault(first, rule, "write all dates in one way")
    return DateFault(first, rule, _advice(text))


def _read(text: str, date_format: str | None) -> tuple[int, Resolution] | Literal["date", "clock"]:
    """Return day and resolution of a text, or what is wrong with it."""
    if date_format == NUMBERED:
        return (int(text), "number") if _WHOLE.fullmatch(text) else "date"
    try:
        if date_format is not None:
            moment = datetime.datetime.strptime(text, date_format)
            if moment.time() != datetime.time():
                return "clock"
            return moment.toordinal(), "day" if _WITH_DAY.search(date_format) else "month"
        found = _ISO.fullmatch(text)
        if found is None:
            return "date"
        if found[11]:
            return datetime.date.fromisocalendar(int(found[10]), int(found[11]), 1).toordinal(), "week"
        if found[9]:
            return datetime.date(int(found[8]), int(found[9]), 1).toordinal(), "month"
        year, month, day = found.group(1, 2, 3) if found[1] else found.group(5, 6, 7)
        number = datetime.date(int(year), int(month), int(day)).toordinal()
    except ValueError:
        return "date"
    return "clock" if found[4] and not _MIDNIGHT.fullmatch(found[4]) else (number, "day")


def _advice(text: str) -> str:
    """The line to write for a date of another form."""
    if _WHOLE.fullmatch(text):
        if len(text) == 5 and int(text) in _EXCEL_DAYS:
            return "these look like the day numbers of a spreadsheet: format the cells as dates and save again"
        if len(text) == 4:
            return "write one date per period, or date_format: number if these are years or numbers of periods"
        return "write date_format: number if these are numbers of periods, one after the other"
    if _QUARTER.fullmatch(text):
        return "number the periods and write date_format: number: quarters are no length of a period"
    if _TEXTUAL.fullmatch(text):
        mark = next(character for character in text if not character.isdigit())
        first, second, year = text.split(mark, 2)
        letter = "Y" if len(year) == 4 else "y"
        day, month = f'"%d{mark}%m{mark}%{letter}"', f'"%m{mark}%d{mark}%{letter}"'
        if int(first) > 12:
            return f"write date_format: {day}"
        if int(second) > 12:
            return f"write date_format: {month}"
        return f"write date_format: {day} if the day comes first, or {month} if the month does"
    return 'write date_format in the letters of strptime, such as "%d.%m.%Y" for 31.01.2024'


def find_frequency(dates: Dates) -> str | int | DateFault:
    """Return the frequency that dates leave no doubt of: `month` or a number of days; else the fault.

    Args:
        dates: at least one; their order does not matter.
    """
    if dates.resolution == "month":
        return "month"
    if dates.resolution == "week":
        return 7
    days = sorted(set(dates.numbers))
    steps = Counter(later - earlier for earlier, later in itertools.pairwise(days))
    fix = "write frequency: day, week, month, or a number of days"
    if not steps:
        return DateFault(None, "there is one date only, from which no frequency follows", fix)
    smallest = min(steps)
    if smallest >= 28 and _are_months(days):
        months = _months(days)
        by_month = Counter(later - earlier for earlier, later in itertools.pairwise(months))
        if len(days) > 2 and by_month[1] == max(by_month.values()):
            return "month"
        if min(by_month) >= 3:
            fix = "number the periods and write date_format: number: quarters and years are no length of a period"
    elif (
        smallest <= LONGEST_PERIOD
        and smallest not in _OF_A_MONTH
        and all(step % smallest == 0 for step in steps)
        and steps[smallest] == max(steps.values())
    ):
        return smallest
    told = ", ".join(f"{_days(step)} ({count} ×)" for step, count in steps.most_common(4))
    return DateFault(None, f"the steps between dates leave the frequency in doubt: {told}", fix)


def _months(days: Sequence[int]) -> list[int]:
    return [date.year * 12 + date.month - 1 for date in map(datetime.date.fromordinal, days)]


def _are_months(days: Sequence[int]) -> bool:
    """Whether all dates are the same day of a month, or all the last one."""
    same = len({datetime.date.fromordinal(day).day for day in days}) == 1
    return same or all(map(_is_last_of_month, days))


def _is_last_of_month(day: int) -> bool:
    date = datetime.date.fromordinal(day)
    return date.day == calendar.monthrange(date.year, date.month)[1]


def _off_month(days: Sequence[int]) -> int:
    """Return the position of a date that is dated unlike most of the months."""
    in_month = [datetime.date.fromordinal(day).day for day in days]
    is_last = [*map(_is_last_of_month, days)]
    if 2 * sum(is_last) > len(days):
        return is_last.index(False)
    usual = Counter(in_month).most_common(1)[0][0]
    return next(position for position, day in enumerate(in_month) if day != usual)


def make_grid(dates: Dates, frequency: str | int) -> Grid | DateFault:
    """Lay dates on the periods from the first date on.

    Args:
        dates: at least one, in any order.
        frequency: `day`, `week`, `month` or a number of days; of numbered periods it is ignored.
    """
    first = min(dates.numbers)
    if dates.resolution == "number":
        numbers = [number - first for number in dates.numbers]
        return Grid(str(first), "period", numbers, max(numbers) + 1)
    if frequency == "month":
        if not _are_months(dates.numbers):
            off = _off_month(dates.numbers)
            rule = "months are dated by the same day of each, or by the last one, and this date is another"
            return DateFault(off, rule, "date every month in one way, or write frequency: day or week")
        months = _months(dates.numbers)
        start = datetime.date.fromordinal(first)
        return Grid(
            start.isoformat()[:7], "month", [month - min(months) for month in months], max(months) - min(months) + 1
        )
    step = _LENGTHS[str(frequency)] if frequency in _LENGTHS else int(frequency)
    if dates.resolution == "month" or (dates.resolution == "week" and step % 7):
        rule = f"dates name a {dates.resolution} each, and the frequency is {frequency}"
        return DateFault(0, rule, f"write frequency: {dates.resolution}, or remove it")
    start_text = datetime.date.fromordinal(first).isoformat()
    between = [place for place, day in enumerate(dates.numbers) if (day - first) % step]
    if between:
        rule = f"is not a whole number of periods of {_days(step)} after {start_text}"
        if len(between) > 1:
            rule += f" ({len(between)} of {len(dates.numbers)} dates are not)"
        return DateFault(between[0], rule, "write the frequency of the dates as they are, or mend the dates")
    numbers = [(day - first) // step for day in dates.numbers]
    name = {1: "day", 7: "week"}.get(step, f"{step} days")
    return Grid(start_text, name, numbers, max(numbers) + 1)


def _days(step: int) -> str:
    return "a day" if step == 1 else f"{step} days"


def as_fault(fault: DateFault, source: str, fields: Sequence[str], texts: Sequence[str]) -> Fault:
    """Return the fault of dates as that of a file.

    Args:
        fault: what is wrong.
        source: the file.
        fields: place of every date, for the message.
        texts: the dates.
    """
    if fault.position is None:
        return Fault(source, "frequency", ABSENT, fault.rule, fault.fix)
    value = texts[fault.position] or ABSENT
    return Fault(source, fields[fault.position], value, fault.rule, fault.fix)


def locate(dates: Dates, grid: Grid) -> list[int] | DateFault:
    """Return the periods of dates on the grid of another table; some may lie outside.

    Args:
        dates: dates that were read.
        grid: periods of the other table.
    """
    if (dates.resolution == "number") != (grid.frequency == "period"):
        rule = "periods are numbered in one table and dated in the other"
        return DateFault(0, rule, "write both in one way, or the date_format of each")
    if grid.frequency == "period":
        return [number - int(grid.start) for number in dates.numbers]
    if grid.frequency == "month":
        year, month = map(int, grid.start.split("-"))
        return [number - (year * 12 + month - 1) for number in _months(dates.numbers)]
    first = datetime.date.fromisoformat(grid.start).toordinal()
    step = _LENGTHS[grid.frequency] if grid.frequency in _LENGTHS else int(grid.frequency.split()[0])
    off = next((place for place, day in enumerate(dates.numbers) if (day - first) % step), None)
    if off is not None:
        rule = f"is not the first day of a period of the demand, {_days(step)} long from {grid.start} on"
        return DateFault(off, rule, "date the flags as the demand")
    return [(day - first) // step for day in dates.numbers]
