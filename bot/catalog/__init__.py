"""The models as data, and the pure functions over them: find, check, price, quote, offer a stand-in."""

from __future__ import annotations

from bot.catalog.book import Catalog, PictureLimits, SoraChoice, sora
from bot.catalog.check import Problem, check, fill_defaults
from bot.catalog.choices import OPTIONS, Choice, alternatives, cheapest, choices, choosable, fitted
from bot.catalog.loader import load
from bot.catalog.model import Constraint, Field, Model, PriceRule, StandIn, sold
from bot.catalog.offers import Offer, offers
from bot.catalog.options import ModelOptions, Size, options
from bot.catalog.pictures import fits, with_addresses
from bot.catalog.price import Facts, price, price_from
from bot.catalog.quoting import encode, quote
from bot.catalog.shots import parse_shots

__all__ = [
    "OPTIONS",
    "Catalog",
    "Choice",
    "Constraint",
    "Facts",
    "Field",
    "Model",
    "ModelOptions",
    "Offer",
    "PictureLimits",
    "PriceRule",
    "Problem",
    "Size",
    "SoraChoice",
    "StandIn",
    "alternatives",
    "cheapest",
    "check",
    "choices",
    "choosable",
    "encode",
    "fill_defaults",
    "fits",
    "fitted",
    "load",
    "offers",
    "options",
    "parse_shots",
    "price",
    "price_from",
    "quote",
    "sold",
    "sora",
    "with_addresses",
]
