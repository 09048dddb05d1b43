"""Is the arithmetic of money exact to half a unit a component, and does it say None where nothing is known?"""

import ast
from decimal import Decimal
from fractions import Fraction
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import quarterdeck
from quarterdeck.governance.prices import (
    DAY,
    FREE,
    MOST,
    PER,
    Band,
    Period,
    Price,
    Rates,
    amount,
    component,
    cost,
    flat,
    rate,
    rates_of,
    reserve,
)  # fmt: skip
from quarterdeck.model.turn import Usage

TOKENS = st.integers(0, 10**8)
RATE = st.integers(0, 10**12)


@st.composite
def usages(draw: st.DrawFn) -> Usage:
    read, written = draw(TOKENS), draw(TOKENS)
    cached = draw(st.integers(0, read))
    return Usage(read, written, cached, True, draw(st.integers(0, read - cached)), draw(st.integers(0, written)))


RATES = st.builds(
    Rates, RATE, RATE, st.none() | RATE, st.none() | RATE, st.none() | RATE, st.integers(0, 10**9)
)  # fmt: skip


@given(tokens=TOKENS, rate=RATE)
def test_a_component_is_off_by_half_a_unit_at_most_and_halves_go_up(tokens: int, rate: int) -> None:
    exact = Fraction(tokens * rate, PER)
    off = component(tokens, rate) - exact
    assert -Fraction(1, 2) < off <= Fraction(1, 2)


@given(usage=usages(), rates=RATES)
def test_a_call_is_the_sum_of_its_components(usage: Usage, rates: Rates) -> None:
    plain_in, plain_out, exact = usage.input, usage.output, Fraction(rates.call)
    parts = 2
    for kind in ("cached", "cache_write", "reasoning"):
        if (own := getattr(rates, kind)) is not None:
            parts += 1
            exact += Fraction(getattr(usage, kind) * own, PER)
            if kind == "reasoning":
                plain_out -= usage.reasoning
            else:
                plain_in -= getattr(usage, kind)
    exact += Fraction(plain_in * (rates.input or 0) + plain_out * (rates.output or 0), PER)
    found = cost(flat(rates), usage, 0.0)
    if found is None:
        assert exact > MOST - parts
    else:
        assert abs(found - exact) <= Fraction(parts, 2)


@given(usage=usages(), rates=RATES)
def test_no_usage_within_a_reservation_costs_more_than_it(usage: Usage, rates: Rates) -> None:
    most, found = reserve(flat(rates), usage.input, usage.output, 0.0), cost(flat(rates), usage, 0.0)
    if most is not None:
        assert found is not None
        assert found <= most + 2  # each of two more components may be rounded up by half a unit, and two are one less


def test_what_is_not_known_has_no_price() -> None:
    assert cost(flat(Rates(input=5)), Usage(10, 1), 0) is None
    assert cost(flat(Rates(output=5)), Usage(10, 1), 0) is None
    assert cost(flat(Rates(input=5_000_000)), Usage(10, 0), 0) == 50  # as of embeddings
    assert cost(flat(Rates(10**12, 10**12)), Usage(10**15, 0), 0) is None  # nobody bills this
    assert cost(FREE, Usage(10, 10), 0) == 0


def test_parts_that_are_larger_than_their_whole_are_charged_and_the_rest_is_nothing() -> None:
    rates = Rates(1_000_000, 1_000_000, cached=500_000, reasoning=2_000_000)
    assert cost(flat(rates), Usage(10, 5, cached=20, reasoning=8), 0) == 10 + 16


def test_a_band_holds_for_all_tokens_of_a_call_that_reads_more() -> None:
    low, high, higher = Rates(1, 1), Rates(2, 2), Rates(3, 3)
    price = Price((Period((Band(low), Band(high, 100), Band(higher, 200))),))
    assert [rates_of(price, n, 0) for n in (0, 100, 101, 200, 201)] == [low, low, high, high, higher]


def test_the_last_period_that_holds_counts_else_the_first() -> None:
    first, day, night, later = (Period((Band(Rates(n, n)),)) for n in range(4))
    price = Price(
        (
            first,
            Period(day.bands, begins=6 * 3600, ends=18 * 3600),
            Period(night.bands, begins=23 * 3600, ends=3600),
            Period(later.bands, since=10 * DAY),
        )
    )
    hours = {0: 2, 1: 0, 6: 1, 17: 1, 18: 0, 23: 2}
    assert {hour: rates_of(price, 0, hour * 3600.5).input for hour in hours} == hours
    assert rates_of(price, 0, 10.0 * DAY).input == 3
    assert rates_of(Price((Period(day.bands, since=DAY),)), 0, 0.0).input == 1  # none holds: the first


@given(units=st.integers(-(10**18), 10**18))
def test_money_in_words_is_the_same_money(units: int) -> None:
    assert Decimal(amount(units)) * 10**9 == units


@pytest.mark.parametrize(("text", "units"), [("0.15", 150_000_000), ("2", 2 * 10**9), ("0.0000000005", 1), ("0", 0)])
def test_a_price_as_people_write_it(text: str, units: int) -> None:
    assert rate(text) == units


def test_a_price_that_is_none() -> None:
    for text in ("-1", "NaN", "Infinity"):
        with pytest.raises(ValueError, match="no price"):
            rate(text)


@pytest.mark.parametrize("name", ["prices", "pricebook"])
def test_there_is_no_float_in_it(name: str) -> None:
    tree = ast.parse((Path(quarterdeck.__file__).parent / f"governance/{name}.py").read_text())
    for node in ast.walk(tree):
        assert not isinstance(node, ast.Div)
        assert not (isinstance(node, ast.Constant) and isinstance(node.value, float))
        assert not (isinstance(node, ast.Call) and ast.unparse(node.func) in ("float", "round"))
