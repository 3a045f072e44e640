"""Reference: entities, products and accounts, all of them optional."""

from zoneinfo import ZoneInfo

from . import instant, number

TOPIC = "reference.events"
UTC = ZoneInfo("UTC")
KINDS = {"product", "bundle", "account", "entity", "fx_rate", "exception_owner"}


class Reference:
    """Master data; without it UTC, default account names, every product known (events.md, Reference data)."""

    def __init__(self, rows):
        self.exceptions, self.zones, self.products, self.accounts = set(), {}, {}, {}
        for row in rows:
            if row.value is None:
                self.exceptions.add(("undecodable", *row.position))
            elif not self._take(row.value):
                self.exceptions.add(("invalid", *row.position))

    def _take(self, value):
        kind = value.get("kind")
        if kind == "entity":
            entity = _first(value, "entity", "id", "entity_id")
            zone = _zone(_first(value, "time_zone", "timezone", "zone") or "UTC")
            if entity is None or zone is None:
                return False
            self.zones[entity] = zone
        elif kind == "product":
            product = _first(value, "product_id", "id", "product")
            if product is None:
                return False
            self.products[product] = value
        elif kind == "account":
            name, target = (
                _first(value, "name", "account", "id"),
                _first(value, "number", "erp_number", "erp"),
            )
            if name is None or target is None:
                return False
            self.accounts[_first(value, "entity"), name] = target
        return type(kind) is str and kind in KINDS

    def zone(self, entity):
        """The time zone of an entity, UTC while it is unknown."""
        return self.zones.get(entity, UTC)

    def account(self, entity, name):
        """The account a default name is mapped to (events.md, Default account names)."""
        return self.accounts.get((entity, name)) or self.accounts.get((None, name)) or name

    def revenue_account(self, product):
        """The revenue account of a product."""
        return _first(self.products.get(product, {}), "revenue_account") or "revenue"

    def ssp(self, product):
        """The reference stand-alone selling price of a product, or None (accounting.md rule 2)."""
        return number.decimal(self.products.get(product, {}).get("ssp"))

    def method(self, product):
        """The default schedule method of a product."""
        return _first(self.products.get(product, {}), "method", "default_method") or "daily"


def running_maximum(value, reached):
    """The running maximum of event_time after a record; records without one leave it (events.md, Fine print)."""
    time = None if value is None else instant.parse(value.get("event_time"))
    return reached if time is None else max(reached, time)


def _first(value, *keys):
    found = [value[key] for key in keys if type(value.get(key)) is str and value[key]]
    return found[0] if found else None


def _zone(name):
    try:
        return ZoneInfo(name)
    except (ValueError, OSError, KeyError):
        return None
