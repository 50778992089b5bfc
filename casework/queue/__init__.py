"""The queue: what is to be worked, in what order, and how much of it there is."""

from casework.queue.header import Header, header, standing
from casework.queue.rows import Page, Row, count_and_money, page, rows_of

__all__ = ["Header", "Page", "Row", "count_and_money", "header", "page", "rows_of", "standing"]
