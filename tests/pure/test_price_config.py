"""Are prices of one's own read as written, and refused by name when wrong? Is a list asked only when needed?"""

from pathlib import Path

import pytest

from quarterdeck.base.config import load_config
from quarterdeck.base.decode import ConfigRefusals
from quarterdeck.base.settings import Config
from quarterdeck.flow.configured import own_prices, price_asks
from quarterdeck.governance.listed import Ask
from quarterdeck.governance.pricebook import NO_PRICE, PriceBook
from quarterdeck.governance.prices import FREE, Rates, flat
from quarterdeck.model.turn import Usage

BASE = """
[providers.main]
kind = "openai-compatible"
base_url = "{url}"
[providers.here]
kind = "scripted"
[assistants.default]
model = "main/m"
fallback = ["here/echo"]
"""
VENDOR = "https://api.openai.com/v1"


def config(folder: Path, more: str = "", url: str = VENDOR) -> Config:
    (folder / "q.toml").write_text(BASE.format(url=url) + more)
    return load_config(folder / "q.toml", {}, cwd=folder).config


def test_own_prices_go_before_the_list_and_what_runs_here_is_free(tmp_path: Path) -> None:
    priced = '[prices."main/m"]\ninput = "0.15"\noutput = "0.60"\ncache_write = "0.1875"\ncurrency = "EUR"'
    found = config(tmp_path, priced)
    own = flat(Rates(150_000_000, 600_000_000, cache_write=187_500_000), "EUR")
    assert own_prices(found) == {"main/m": own, "here/echo": FREE}
    assert price_asks(found) == ()
    book = PriceBook()
    book.replace({"main/m": FREE, "main/n": FREE}, "list-1", own_prices(found))
    assert book.cost("main/m", Usage(10**6, 0), 0) == (150_000_000, "EUR")
    assert book.cost("main/n", Usage(10**6, 0), 0) == (0, "USD")
    assert book.cost("main/other", Usage(0, 0), 0) == NO_PRICE  # not 0, whatever was used
    assert book.version.startswith("list-1+own-")


def test_a_model_is_free_by_decision(tmp_path: Path) -> None:
    found = config(tmp_path, '[prices."main/m"]\nfree = true', "http://127.0.0.1:11434/v1")
    assert own_prices(found)["main/m"] == FREE


@pytest.mark.parametrize(
    ("url", "asked"),
    [
        (VENDOR, (Ask("main/m", "m", url=VENDOR),)),
        ("http://127.0.0.1:11434/v1", ()),
        ("http://[::1]:11434/v1", ()),
        ("http://ollama:11434/v1", ()),
    ],
)
def test_a_list_is_asked_only_about_addresses_that_may_be_a_vendors(
    tmp_path: Path, url: str, asked: tuple[Ask, ...]
) -> None:
    assert price_asks(config(tmp_path, url=url)) == asked


@pytest.mark.parametrize(
    ("table", "vendor"),
    [
        ('kind = "openai-compatible"\npreset = "openrouter"', "openrouter"),
        ('kind = "openai"', "openai"),
        ('kind = "openai-responses"', "openai"),
        ('kind = "anthropic"', "anthropic"),
        ('kind = "gemini"', "google"),
    ],
)
def test_without_an_address_the_service_is_known_by_its_preset_or_wire(table: str, vendor: str, tmp_path: Path) -> None:
    (tmp_path / "q.toml").write_text(f'[providers.main]\n{table}\n[assistants.default]\nmodel = "main/m"\n')
    found = load_config(tmp_path / "q.toml", {}, cwd=tmp_path).config
    assert price_asks(found) == (Ask("main/m", "m", vendor=vendor),)


@pytest.mark.parametrize(
    ("table", "field"),
    [
        ('[prices."main/m"]\ninput = "cheap"', 'prices."main/m".input'),
        ('[prices."main/m"]\ninput = "-1"', 'prices."main/m".input'),
        ('[prices."main/m"]\ninput = 0.15', 'prices."main/m".input'),
        ('[prices."main/m"]\ncurrency = "USD"', 'prices."main/m"'),
        ('[prices."main/m"]\ninput = "1"\nfree = true', 'prices."main/m".free'),
        ('[prices."main/m"]\ninput = "1"\ncurrency = "euro"', 'prices."main/m".currency'),
        ('[prices."main/m"]\ninputs = "1"', 'prices."main/m".inputs'),
        ('[prices."mian/m"]\ninput = "1"', 'prices."mian/m"'),
        ('[prices."m"]\ninput = "1"', "prices.m"),
    ],
)
def test_a_price_that_is_none_is_refused_by_name(tmp_path: Path, table: str, field: str) -> None:
    with pytest.raises(ConfigRefusals) as refused:
        config(tmp_path, table)
    (problem,) = refused.value.problems
    assert problem.field == field
    assert problem.reason
    assert problem.fix
