"""Times as decimal text in seconds and as integer nanoseconds, exactly: nothing goes through float."""

from decimal import ROUND_HALF_EVEN, Decimal, InvalidOperation

from vo_frontend.errors import shown

MAX_SECONDS = Decimal(2**63) / 10**9  # what an int64 of nanoseconds holds


def format_seconds(timestamp_ns: int) -> str:
    """Write nanoseconds as decimal seconds with nine decimals."""
    whole, rest = divmod(abs(int(timestamp_ns)), 10**9)
    return f"{'-' if timestamp_ns < 0 else ''}{whole}.{rest:09d}"


def parse_seconds(text: str) -> int:
    """Read decimal seconds as nanoseconds, rounded to the nearest where the text is finer.

    Raises:
        ValueError: not a finite number, or beyond the range of int64 nanoseconds.
    """
    try:
        seconds = Decimal(text)
    except InvalidOperation:
        raise ValueError(f"{shown(text)} is not a number") from None
    # The exponent first: whoever computes with 1e999999999 needs as many digits.
    is_small = seconds.is_finite() and (not seconds or seconds.adjusted() <= MAX_SECONDS.adjusted())
    if not is_small or abs(seconds) >= MAX_SECONDS:
        raise ValueError(f"{shown(text)} is not a time in seconds")
    return int(seconds.scaleb(9).to_integral_value(ROUND_HALF_EVEN))
